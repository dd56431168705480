package backup

import "os"

// A large file that is written beside a database holds up its commits when the kernel writes it to the disk at once. So
// it is written in small parts, and flushed in steps, both in bytes.
const (
	pacedPart  = 64 << 10
	pacedFlush = 128 << 10
)

// pacedFile writes a file beside a running service.
type pacedFile struct {
	file      *os.File
	pace      func() // called after each part, if not nil
	end       int64  // of what was appended
	unflushed int
	from      int64 // the part that is not flushed begins there
}

// Write implements io.Writer.
func (f *pacedFile) Write(b []byte) (int, error) {
	n, err := f.WriteAt(b, f.end)
	f.end += int64(n)
	return n, err
}

// WriteAt implements io.WriterAt.
func (f *pacedFile) WriteAt(b []byte, at int64) (n int, err error) {
	if at != f.from+int64(f.unflushed) { // it does not go on where it was
		if err := f.flush(at); err != nil {
			return 0, err
		}
	}
	for n < len(b) {
		wrote, err := f.file.WriteAt(b[n:min(n+pacedPart, len(b))], at+int64(n))
		f.unflushed += wrote
		if n += wrote; err != nil {
			return n, err
		}
		if f.unflushed >= pacedFlush {
			if err := f.flush(at + int64(n)); err != nil {
				return n, err
			}
		}
		if f.pace != nil {
			f.pace()
		}
	}
	return n, nil
}

// flush flushes what was written since. The next part begins at next.
func (f *pacedFile) flush(next int64) (err error) {
	if f.unflushed > 0 {
		err = flush(f.file, f.from, int64(f.unflushed))
	}
	f.from, f.unflushed = next, 0
	return err
}

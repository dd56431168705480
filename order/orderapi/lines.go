package orderapi

import (
	"bufio"
	"errors"
	"io"
)

// lineReader splits a body into lines that are not blank. It keeps one line in memory, of at most `most` bytes.
type lineReader struct {
	in     *bufio.Reader
	most   int
	long   []byte // what is read of a line that does not fit the buffer
	number int    // of the last line, from 1; blank lines count
}

func newLineReader(from io.Reader, most int) lineReader {
	return lineReader{in: bufio.NewReaderSize(from, 64<<10), most: most}
}

// next returns the next line without its end. It is valid until the next call. A line that is too long is passed over;
// it is nil and tooLong. The error is that of the reader: io.EOF after the last line. A line that another error cuts
// short is none.
func (l *lineReader) next() (line []byte, tooLong bool, err error) {
	for {
		l.number++
		l.long = l.long[:0]
		line, err = l.in.ReadSlice('\n')
		for errors.Is(err, bufio.ErrBufferFull) {
			if tooLong = tooLong || len(l.long)+len(line) > l.most; !tooLong {
				l.long = append(l.long, line...)
			}
			line, err = l.in.ReadSlice('\n')
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, false, err
		}
		if n := len(line); n > 0 && line[n-1] == '\n' {
			line = line[:n-1]
		}
		if tooLong || len(l.long)+len(line) > l.most {
			return nil, true, nil
		}
		if len(l.long) > 0 {
			l.long = append(l.long, line...)
			line = l.long
		}
		if !isBlank(line) {
			return line, false, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
}

func isBlank(line []byte) bool { return firstOf(line) == 0 }

// firstOf returns the first byte of a line that is not white space, 0 for none.
func firstOf(line []byte) byte {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' {
			return c
		}
	}
	return 0
}

package retail

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"golang.org/x/text/transform"
)

// chunkSize is about how much of a file is read at once. A row keeps the chunk that it stands in.
const chunkSize = 64 << 10

// lines reads the text of a file, line by line. What it has in memory does not grow with the file.
type lines struct {
	in      io.Reader
	buffer  []byte // has what was read of the line behind the text
	text    string // whole lines that were read and not yet passed on
	ended   bool
	number  int // of the last line, from 1
	started bool
}

// newLines reads from in, which has the encoding.
func newLines(in io.Reader, encoding string) *lines {
	if known := encodings[encoding]; known != nil {
		in = transform.NewReader(in, known.NewDecoder())
	}
	return &lines{in: in}
}

// next returns the next line without its ending, and whether there is one. The byte order mark is no part of the first.
func (l *lines) next() (line string, more bool, err error) {
	for l.text == "" && !l.ended {
		if err := l.fill(); err != nil {
			return "", false, err
		}
	}
	if l.text == "" {
		return "", false, nil
	}
	l.number++
	line, l.text, _ = strings.Cut(l.text, "\n")
	return strings.TrimSuffix(line, "\r"), true, nil
}

// fill reads until there is a whole line, or the text ends.
func (l *lines) fill() error {
	if l.buffer == nil {
		l.buffer = make([]byte, 0, chunkSize)
	}
	for {
		if len(l.buffer) == cap(l.buffer) { // a very long line
			l.buffer = append(l.buffer, make([]byte, cap(l.buffer))...)[:len(l.buffer)]
		}
		n, err := io.ReadFull(l.in, l.buffer[len(l.buffer):cap(l.buffer)])
		l.buffer = l.buffer[:len(l.buffer)+n]
		if l.ended = isEnd(err); err != nil && !l.ended {
			return err
		}
		if !l.started {
			l.started = true
			if marked, found := bytes.CutPrefix(l.buffer, []byte(byteOrderMark)); found {
				l.buffer = append(l.buffer[:0], marked...)
			}
		}
		whole := bytes.LastIndexByte(l.buffer, '\n') + 1
		if l.ended {
			whole = len(l.buffer)
		}
		if whole > 0 || l.ended {
			l.text = string(l.buffer[:whole])
			l.buffer = append(l.buffer[:0], l.buffer[whole:]...)
			return nil
		}
	}
}

// isEnd reports whether io.ReadFull came to the end.
func isEnd(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }

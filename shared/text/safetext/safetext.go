// Package safetext keeps text from outside from controlling an operator's terminal or spreadsheet. For a terminal it
// escapes control characters, including the C1 range that some terminals obey like escape sequences, and characters
// that change the direction of a line.
package safetext

import (
	"fmt"
	"io"
	"os"
	"unicode/utf8"
)

// acts reports whether a character must be escaped: a control character other than tab and line ends, or one that
// changes the direction of a line.
func acts(r rune) bool {
	switch {
	case r < 0x20:
		return r != '\t' && r != '\n' && r != '\r'
	case r < 0x7f:
		return false
	}
	return r <= 0x9f || r == 0x061c || r == 0x200e || r == 0x200f || r == 0x2028 || r == 0x2029 ||
		r >= 0x202a && r <= 0x202e ||
		r >= 0x2066 && r <= 0x2069
}

// Append appends text to b with such characters escaped, for example as \u0085. In a JSON string that means the same.
// Bytes that are not UTF-8 stay, except those that a terminal without UTF-8 could obey, which become \ufffd.
func Append(b, text []byte) []byte {
	for len(text) > 0 {
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(b, `\ufffd`...)
		case acts(r):
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = append(b, text[:size]...)
		}
		text = text[size:]
	}
	return b
}

// Writer escapes text as Append does and writes it to another writer. It is not safe for concurrent use.
type Writer struct {
	to   io.Writer
	part []byte // the beginning of a character that the next Write completes
}

// NewWriter returns a Writer to w.
func NewWriter(to io.Writer) *Writer { return &Writer{to: to} }

// Stdout returns standard output, for text that comes from a service.
func Stdout() *Writer { return NewWriter(os.Stdout) }

// File returns the file that w writes to, or nil if it is no file.
func (w *Writer) File() *os.File {
	file, _ := w.to.(*os.File)
	return file
}

// Write implements io.Writer. An incomplete character waits for its other bytes.
func (w *Writer) Write(text []byte) (int, error) {
	whole := append(w.part, text...) //nolint:gocritic // part is replaced below
	end := len(whole)
	for back := 1; back < utf8.UTFMax && back <= len(whole); back++ {
		if start := len(whole) - back; utf8.RuneStart(whole[start]) {
			if !utf8.FullRune(whole[start:]) {
				end = start
			}
			break
		}
	}
	safe := Append(nil, whole[:end])
	w.part = append([]byte(nil), whole[end:]...)
	if _, err := w.to.Write(safe); err != nil {
		return 0, err
	}
	return len(text), nil
}

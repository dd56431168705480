package orderapi

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
)

// FuzzLineReader holds the reader against a split of the whole body, however the body comes.
func FuzzLineReader(f *testing.F) {
	f.Add([]byte("{}\n\n {}\r\n{}"), uint8(1))
	f.Add([]byte(" \t\r\n"), uint8(3))
	f.Add(append(bytes.Repeat([]byte("x"), 200), "\nshort\n"...), uint8(100))
	f.Add(bytes.Repeat([]byte("0123456789abcde\n"), 20), uint8(16))
	f.Fuzz(func(t *testing.T, text []byte, most uint8) {
		for name, in := range map[string]io.Reader{
			"at once": bytes.NewReader(text), "by bytes": iotest.OneByteReader(bytes.NewReader(text)),
		} {
			l := newLineReader(in, int(most))
			l.in = bufio.NewReaderSize(in, 16) // so that lines are longer
			for number, want := range bytes.Split(text, []byte("\n")) {
				if isBlank(want) && len(want) <= int(most) {
					continue
				}
				got, tooLong, err := l.next()
				if err != nil || l.number != number+1 || tooLong != (len(want) > int(most)) ||
					!tooLong && !bytes.Equal(got, want) {
					t.Fatalf("%s: line %d is %q, %v, %v, want %q", name, l.number, got, tooLong, err, want)
				}
			}
			if got, tooLong, err := l.next(); !errors.Is(err, io.EOF) {
				t.Fatalf("%s: at the end: %q, %v, %v", name, got, tooLong, err)
			}
		}
	})
}

// A line that was cut short is not placed: its end may be missing.
func TestLineReader_GivesNoLineThatAnErrorCutShort(t *testing.T) {
	broken := errors.New("the connection broke")
	l := newLineReader(io.MultiReader(bytes.NewReader([]byte("{}\n{}")), iotest.ErrReader(broken)), 100)
	if line, _, err := l.next(); err != nil || string(line) != "{}" {
		t.Fatalf("%q, %v", line, err)
	}
	if line, _, err := l.next(); !errors.Is(err, broken) {
		t.Errorf("%q, %v", line, err)
	}
}

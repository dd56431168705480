package retail

import (
	"bytes"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

const (
	utf8Name         = "utf-8"
	littleEndianName = "utf-16le"
	bigEndianName    = "utf-16be"
	windowsName      = "windows-1252"
)

// encodings are the encodings that a file may have, besides UTF-8.
var encodings = map[string]encoding.Encoding{
	littleEndianName: unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM),
	bigEndianName:    unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM),
	windowsName:      charmap.Windows1252,
	"windows-1250":   charmap.Windows1250,
	"iso-8859-15":    charmap.ISO8859_15,
	"macintosh":      charmap.Macintosh,
}

// Encodings returns the names that Dialect.Encoding may have.
func Encodings() []string { return append([]string{utf8Name}, slices.Sorted(maps.Keys(encodings))...) }

const byteOrderMark = "\ufeff"

// findEncoding looks at three things: the byte order mark, the zero bytes that UTF-16 has in every ASCII character, and
// the lines that are not ASCII. If most of those lines are not UTF-8, the file is Windows-1252, because such text
// hardly ever looks like UTF-8. One damaged row does not decide.
func findEncoding(in io.ReadSeeker, size int64) (string, error) {
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	start := make([]byte, len(byteOrderMark))
	n, err := io.ReadFull(in, start)
	if err != nil && !isEnd(err) {
		return "", err
	}
	if name := encodingOfStart(start[:n]); name != "" {
		return name, nil
	}
	if _, err := in.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	good, bad := 0, 0
	for l := newLines(io.LimitReader(in, size), utf8Name); !l.ended; {
		if err := l.fill(); err != nil {
			return "", err
		}
		if isASCII(l.text) {
			continue
		}
		for line := range strings.Lines(l.text) {
			switch {
			case !utf8.ValidString(line):
				bad++
			case !isASCII(line):
				good++
			}
		}
	}
	if bad > good {
		return windowsName, nil
	}
	return utf8Name, nil
}

// encodingOfStart returns the encoding that the first bytes tell, or "".
func encodingOfStart(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		return littleEndianName
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		return bigEndianName
	case bytes.HasPrefix(data, []byte(byteOrderMark)):
		return utf8Name
	case len(data) >= 2 && data[0] != 0 && data[1] == 0:
		return littleEndianName
	case len(data) >= 2 && data[0] == 0 && data[1] != 0:
		return bigEndianName
	}
	return ""
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

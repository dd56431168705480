package retail

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
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

// decodeText returns the text of a file without its byte order mark, and the name of its encoding. Invalid UTF-8 stays
// as it is, so that its row is rejected.
func decodeText(data []byte, name string) ([]byte, string, error) {
	if name == "" {
		name = findEncoding(data)
	}
	if known := encodings[name]; known != nil {
		decoded, err := known.NewDecoder().Bytes(data)
		if err != nil {
			return nil, name, fmt.Errorf("decode %s: %w", name, err)
		}
		data = decoded
	}
	return bytes.TrimPrefix(data, []byte("\ufeff")), name, nil
}

// findEncoding looks at three things: the byte order mark, the zero bytes that UTF-16 has in every ASCII character, and
// the lines that are not ASCII. If most of those lines are not UTF-8, the file is Windows-1252, because such text
// hardly ever looks like UTF-8. One damaged row does not decide.
func findEncoding(data []byte) string {
	switch {
	case bytes.HasPrefix(data, []byte("\xff\xfe")):
		return littleEndianName
	case bytes.HasPrefix(data, []byte("\xfe\xff")):
		return bigEndianName
	case bytes.HasPrefix(data, []byte("\ufeff")):
		return utf8Name
	case len(data) >= 2 && data[0] != 0 && data[1] == 0:
		return littleEndianName
	case len(data) >= 2 && data[0] == 0 && data[1] != 0:
		return bigEndianName
	}
	good, bad := 0, 0
	for line := range bytes.Lines(data) {
		switch {
		case !utf8.Valid(line):
			bad++
		case slices.ContainsFunc(line, func(b byte) bool { return b >= utf8.RuneSelf }):
			good++
		}
	}
	if bad > good {
		return windowsName
	}
	return utf8Name
}

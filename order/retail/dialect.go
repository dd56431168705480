package retail

import (
	"fmt"
	"slices"
	"strings"
)

// Dialect is how files are written. It is detected for each file separately. The zero Dialect detects everything.
type Dialect struct {
	// Encoding is one of Encodings. Default "": a byte order mark decides, otherwise the bytes.
	Encoding string
	// Separator between columns: a comma, a semicolon or a tab. Default 0: the first line decides.
	Separator byte
	// Dates tells how to read a date with the year last. Default FindOut.
	Dates Dates
}

// Dates tells whether the month or the day comes first in a date with the year last.
type Dates string

// The ways to read such a date.
const (
	// FindOut lets all rows of a file decide. If none can, 6/7/2011 is month first, and 6.7.2011 and 6-7-2011 are day
	// first.
	FindOut    Dates = ""
	MonthFirst Dates = "month-first"
	DayFirst   Dates = "day-first"
)

// auto is the word for FindOut on a command line.
const auto = "auto"

var separators = map[string]byte{"comma": ',', ",": ',', "semicolon": ';', ";": ';', "tab": '\t', "\t": '\t'}

// ParseDialect reads a dialect from the words of a command line. "auto" and "" mean to find out.
func ParseDialect(encoding, separator, dates string) (Dialect, error) {
	var d Dialect
	if encoding != auto && encoding != "" {
		d.Encoding = strings.ToLower(encoding)
		if !slices.Contains(Encodings(), d.Encoding) {
			return d, fmt.Errorf(
				"encoding %.40q is not known: want auto, %s",
				encoding,
				strings.Join(Encodings(), ", "),
			)
		}
	}
	if separator != auto && separator != "" {
		var known bool
		if d.Separator, known = separators[separator]; !known {
			return d, fmt.Errorf("separator %.40q is not known: want auto, comma, semicolon or tab", separator)
		}
	}
	switch d.Dates = Dates(dates); d.Dates {
	case auto:
		d.Dates = FindOut
	case FindOut, MonthFirst, DayFirst:
	default:
		return d, fmt.Errorf("dates %.40q is not known: want auto, month-first or day-first", dates)
	}
	return d, nil
}

// Taken is the dialect that a file was read with.
type Taken struct {
	Encoding  string // one of Encodings
	Separator byte
	Dates     []string // how dates with the year last were read, in words; empty without such dates
}

// plain reports whether the file is written like the published data set.
func (t Taken) plain() bool { return t.Encoding == utf8Name && t.Separator == ',' && len(t.Dates) == 0 }

// String describes the dialect in words, such as "windows-1252, semicolons, 13.06.2011 day first".
func (t Taken) String() string {
	separator := map[byte]string{',': "commas", ';': "semicolons", '\t': "tabs"}[t.Separator]
	return strings.Join(append([]string{t.Encoding, separator}, t.Dates...), ", ")
}

package retail

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	_ "time/tzdata" // London must be known even on a machine without zone data

	"ordertally/client/orders"
)

const (
	// SourceName is the source of every imported order.
	SourceName = "online-retail"
	// KeyPrefix begins the idempotency key of every imported order. The invoice number follows.
	KeyPrefix = SourceName + "/"

	currency = "GBP"
)

// Source is one file of an import.
type Source struct {
	Name string // for reasons; also the order in which parts of an invoice are joined
	io.Reader
}

// Invoice is one order of the files.
type Invoice struct {
	Number string
	Row    int // line number, from 1, of its first row in the first file that has one
	Draft  orders.OrderDraft

	files []int // positions of the files with rows of it, the first row's file first
}

// Reading is the content of the files of one import.
type Reading struct {
	Invoices []Invoice // by their first rows
	Rejects  []Reject  // by file and row
	Taken    []Taken   // how each file was read
}

// Read reads whole files, one after the other. Bad rows end up in Reading.Rejects. Each invoice is there once, for its
// first bad row. An error means that a file could not be read, does not begin with the header of the layout, or has
// contradictory dates.
//
// Times are London local. When clocks go back, a repeated time is the first of the two. When they go forward, a skipped
// time is read by the old clock.
func Read(sources []Source, d Dialect) (Reading, error) {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		return Reading{}, fmt.Errorf("load the zone of Online Retail: %w", err)
	}
	g := grouping{names: make([]string, len(sources)), byNumber: make(map[string]*group)}
	var taken []Taken
	for i, source := range sources {
		g.names[i] = source.Name
		data, err := io.ReadAll(source)
		if err != nil {
			return Reading{}, fmt.Errorf("read %s: %w", source.Name, err)
		}
		t, err := readFile(data, d, london, func(number int, r row, f *fault) { g.add(i, number, r, f) })
		if err != nil {
			return Reading{}, fmt.Errorf("read %s: %w", source.Name, err)
		}
		taken = append(taken, t)
	}
	reading := g.reading()
	reading.Taken = taken
	return reading, nil
}

// readFile passes on the rows of one file with their line numbers.
func readFile(data []byte, d Dialect, zone *time.Location, add func(number int, r row, f *fault)) (Taken, error) {
	text, encoding, err := decodeText(data, d.Encoding)
	if err != nil {
		return Taken{}, err
	}
	var l layout
	body, skipped := string(text), 1
	first, body := cutLine(body)
	if separator := separatorLine(first); separator != 0 {
		first, body = cutLine(body)
		skipped = 2
		if d.Separator == 0 {
			d.Separator = separator
		}
	}
	if len(text) == 0 {
		return Taken{}, errors.New("it is empty, want the header " + header)
	}
	if l.at, l.separator, err = readHeader(first, d.Separator); err != nil {
		return Taken{}, err
	}
	l.zone, l.dates.fixed = zone, d.Dates
	l.replaced = encoding == littleEndianName || encoding == bigEndianName
	for number, line := range rows(body, skipped) {
		if l.fields, _ = splitRow(l.fields, line, l.separator); len(l.fields) == columns {
			l.dates.consider(number, l.fields[l.at[columnDate]])
		}
	}
	if err := l.dates.check(); err != nil {
		return Taken{}, err
	}
	for number, line := range rows(body, skipped) {
		row, fault := l.row(line)
		add(number, row, fault)
	}
	return Taken{Encoding: encoding, Separator: l.separator, Dates: l.dates.describe()}, nil
}

// rows iterates over the lines that are not empty. skipped is the number of lines before body.
func rows(body string, skipped int) func(yield func(number int, line string) bool) {
	return func(yield func(int, string) bool) {
		for number := skipped + 1; len(body) > 0; number++ {
			var line string
			if line, body = cutLine(body); line != "" && !yield(number, line) {
				return
			}
		}
	}
}

// cutLine returns the first line without its line ending, and the rest.
func cutLine(text string) (line, rest string) {
	first, rest, _ := strings.Cut(text, "\n")
	return strings.TrimSuffix(first, "\r"), rest
}

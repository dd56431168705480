package retail

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"
	_ "time/tzdata" // London must be known on a machine without zone data too

	"ordertally/order"
)

// KeyPrefix begins the idempotency key of every imported order; the invoice number follows.
const KeyPrefix = "online-retail/"

const currency = "GBP"

// Invoice is one order of a file.
type Invoice struct {
	Number string
	Row    int // line of the file, from 1, of its first row
	Draft  order.Draft
}

// File is what one file holds.
type File struct {
	Invoices []Invoice // by their first rows
	Rejects  []Reject  // by row
}

// Read reads a whole file. Bad rows end up in File.Rejects, each invoice once, for its first bad row; an error means
// that r failed or does not begin with the header of the layout.
//
// Times are London local. One that comes twice, when clocks go back, is the first of the two; one that is skipped, when
// they go forward, is read by the clock as it was before.
func Read(r io.Reader) (File, error) {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		return File{}, fmt.Errorf("load the zone of Online Retail: %w", err)
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return File{}, fmt.Errorf("read Online Retail file: %w", err)
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	g := grouping{byNumber: make(map[string]*group)}
	number := 0
	for line := range bytes.Lines(data) {
		number++
		text := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
		switch {
		case number == 1 && text != header:
			return File{}, fmt.Errorf("read Online Retail file: the first line is %s, want the header %s", show(text), header)
		case number > 1 && text != "":
			row, fault := parseRow(text, london)
			g.add(number, row, fault)
		}
	}
	if number == 0 {
		return File{}, fmt.Errorf("read Online Retail file: it is empty, want the header %s", header)
	}
	return g.file(), nil
}

// grouping collects the rows of each invoice.
type grouping struct {
	groups   []*group // by first row
	byNumber map[string]*group
}

// group is one invoice: its order so far, and the reject once a row was bad. A row without a readable invoice number is
// a group of its own.
type group struct {
	invoice Invoice
	reject  *Reject
}

func (g *grouping) add(number int, r row, f *fault) {
	in := g.byNumber[r.invoice]
	if in == nil || r.invoice == "" {
		in = &group{invoice: Invoice{Number: r.invoice, Row: number}}
		g.groups = append(g.groups, in)
		g.byNumber[r.invoice] = in
		in.invoice.Draft = order.Draft{Reference: r.invoice, CustomerID: r.customer, Currency: currency, PlacedAt: r.at}
		if r.country != "" {
			in.invoice.Draft.Metadata = map[string]string{"country": r.country}
		}
	}
	switch {
	case in.reject != nil:
	case f != nil:
		in.reject = &Reject{Invoice: r.invoice, Row: number, Code: f.code, Reason: f.reason}
		in.invoice.Draft = order.Draft{}
	default:
		in.invoice.Draft.Lines = append(in.invoice.Draft.Lines, r.line)
	}
}

func (g *grouping) file() (f File) {
	for _, in := range g.groups {
		if in.reject != nil {
			f.Rejects = append(f.Rejects, *in.reject)
		} else {
			f.Invoices = append(f.Invoices, in.invoice)
		}
	}
	sortRejects(f.Rejects)
	return f
}

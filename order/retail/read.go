package retail

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
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

// Source is one file of an import. It is read twice, as long as it is at first.
type Source struct {
	Name   string // for reasons; also the order in which parts of an invoice are joined
	Reader io.ReadSeeker
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
	s, err := look(sources, d)
	if err != nil {
		return Reading{}, err
	}
	r := Reading{Taken: s.taken()}
	err = s.read(func(in *Invoice, reject *Reject) {
		if reject != nil {
			r.Rejects = append(r.Rejects, *reject)
		} else {
			r.Invoices = append(r.Invoices, *in)
		}
	})
	slices.SortFunc(r.Invoices, func(a, b Invoice) int { return cmp.Or(a.files[0]-b.files[0], a.Row-b.Row) })
	sortRejects(r.Rejects)
	return r, err
}

// survey is what a first look at all files finds. It takes some 60 bytes an invoice.
type survey struct {
	files    []*file
	invoices int            // a row without a readable invoice number counts as one
	rows     map[string]int // how many each invoice has
}

// file is how a file is read.
type file struct {
	source   Source
	size     int64
	encoding string
	layout   layout
	header   int // its line number
}

// look finds out how the files are written and how many rows each invoice has.
func look(sources []Source, d Dialect) (*survey, error) {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		return nil, fmt.Errorf("load the zone of Online Retail: %w", err)
	}
	s := &survey{rows: map[string]int{}}
	for _, source := range sources {
		f := &file{source: source, layout: layout{zone: london, dates: dating{fixed: d.Dates}}}
		if err := s.lookAt(f, d); err != nil {
			return nil, fmt.Errorf("read %s: %w", source.Name, err)
		}
		s.files = append(s.files, f)
	}
	return s, nil
}

func (s *survey) lookAt(f *file, d Dialect) (err error) {
	if f.size, err = f.source.Reader.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	if f.encoding = d.Encoding; f.encoding == "" {
		if f.encoding, err = findEncoding(f.source.Reader, f.size); err != nil {
			return err
		}
	}
	l := &f.layout
	l.replaced = f.encoding == littleEndianName || f.encoding == bigEndianName
	text, err := f.lines()
	if err != nil {
		return err
	}
	if err := f.readHeader(text, d); err != nil {
		return err
	}
	last, count := "", 0 // rows of an invoice that follow each other are counted together
	for {
		line, more, err := text.next()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if line == "" {
			continue
		}
		l.split(line)
		if len(l.fields) == columns {
			l.dates.consider(text.number, l.fields[l.at[columnDate]])
		}
		switch invoice := l.invoice(); invoice {
		case "":
			s.invoices++
		case last:
			count++
		default:
			s.count(last, count)
			last, count = invoice, 1
		}
	}
	s.count(last, count)
	return l.dates.check()
}

// count adds rows to an invoice.
func (s *survey) count(invoice string, rows int) {
	if rows == 0 {
		return
	}
	before := s.rows[invoice]
	if before == 0 {
		s.invoices++
		invoice = strings.Clone(invoice) // without the text that it stands in
	}
	s.rows[invoice] = before + rows
}

// lines begins to read the file's text, which ends where it ended first.
func (f *file) lines() (*lines, error) {
	if _, err := f.source.Reader.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	return newLines(io.LimitReader(f.source.Reader, f.size), f.encoding), nil
}

// readHeader reads up to the first row.
func (f *file) readHeader(text *lines, d Dialect) error {
	first, more, err := text.next()
	if err != nil {
		return err
	}
	if !more {
		return errors.New("it is empty, want the header " + header)
	}
	if separator := separatorLine(first); separator != 0 {
		if first, _, err = text.next(); err != nil {
			return err
		}
		if d.Separator == 0 {
			d.Separator = separator
		}
	}
	f.header = text.number
	f.layout.at, f.layout.separator, err = readHeader(first, d.Separator)
	return err
}

// taken returns how each file is read.
func (s *survey) taken() (all []Taken) {
	for _, f := range s.files {
		all = append(all, Taken{Encoding: f.encoding, Separator: f.layout.separator, Dates: f.layout.dates.describe()})
	}
	return all
}

// errChanged says that a file was written to while it was read.
var errChanged = errors.New("the files changed while they were read: import them again")

// read passes on each invoice, or why it is rejected, once its last row is read. It keeps those in memory that have
// rows further on. It uses up the survey.
func (s *survey) read(pass func(*Invoice, *Reject)) error {
	g := grouping{rows: s.rows, open: map[string]*group{}, pass: pass}
	for _, f := range s.files {
		g.names = append(g.names, f.source.Name)
	}
	for i, f := range s.files {
		if err := f.read(func(number int, r *row,
			fault *fault) error {
			return g.add(i, number, r, fault)
		}); err != nil {
			return fmt.Errorf("read %s: %w", f.source.Name, err)
		}
	}
	if len(g.rows) > 0 || len(g.open) > 0 {
		return errChanged
	}
	return nil
}

// read passes on the rows with their line numbers.
func (f *file) read(add func(number int, r *row, fault *fault) error) error {
	text, err := f.lines()
	if err != nil {
		return err
	}
	for {
		line, more, err := text.next()
		if err != nil || !more {
			return err
		}
		if line == "" || text.number <= f.header {
			continue
		}
		row, fault := f.layout.row(line)
		if err := add(text.number, &row, fault); err != nil {
			return err
		}
	}
}

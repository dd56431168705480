package retail

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"ordertally/client/orders"
)

// grouping puts the rows of each invoice together, from all files.
type grouping struct {
	names []string          // of the files
	rows  map[string]int    // how many each invoice has that is not begun
	open  map[string]*group // the invoices with rows further on
	last  *group            // that of the last row
	pass  func(*Invoice, *Reject)
}

// group is one invoice.
type group struct {
	number string
	left   int     // rows further on
	parts  []part  // one per file, in the order read
	reject *Reject // set once a row was bad
}

// part is one file's share of an invoice. The first row gives time, customer and country.
type part struct {
	file     int
	first    row
	firstRow int
	lines    []orders.DraftLine
	rows     []int // the line number of each, if there are several files
}

// add adds a row. It passes the invoice on if the row is its last. A row without a readable invoice number is a reject
// of its own.
func (g *grouping) add(file, number int, r *row, f *fault) error {
	if r.invoice == "" {
		reject := f.reject("", file, number)
		reject.files = []int{file}
		g.pass(nil, reject)
		return nil
	}
	in := g.last
	if in == nil || in.number != r.invoice {
		if in = g.open[r.invoice]; in == nil {
			if in = g.begin(r.invoice); in == nil {
				return errChanged
			}
		}
		g.last = in
	}
	if len(in.parts) == 0 || in.parts[len(in.parts)-1].file != file {
		in.parts = append(in.parts, part{file: file, first: *r, firstRow: number})
	}
	switch {
	case in.reject != nil:
	case f != nil:
		in.reject = f.reject(r.invoice, file, number)
	default:
		p := &in.parts[len(in.parts)-1]
		if p.lines == nil {
			p.lines = make([]orders.DraftLine, 0, in.left)
		}
		p.lines = append(p.lines, r.line)
		if len(g.names) > 1 {
			p.rows = append(p.rows, number)
		}
	}
	if in.left--; in.left == 0 {
		delete(g.open, in.number)
		g.last = nil
		g.end(in)
	}
	return nil
}

// begin begins an invoice. It returns nil if the invoice should have no row any more.
func (g *grouping) begin(number string) *group {
	rows := g.rows[number]
	if rows == 0 {
		return nil
	}
	delete(g.rows, number)
	in := &group{number: number, left: rows}
	g.open[number] = in
	return in
}

// end passes on a whole invoice. Its parts are ordered by file name, so the order in which files are listed does not
// matter.
func (g *grouping) end(in *group) {
	files := make([]int, len(in.parts))
	for i := range in.parts {
		files[i] = in.parts[i].file
	}
	row := in.parts[0].firstRow
	if len(in.parts) > 1 {
		slices.SortStableFunc(in.parts, func(a, b part) int {
			return cmp.Or(
				compareNames(filepath.Base(g.names[a.file]), filepath.Base(g.names[b.file])),
				compareNames(g.names[a.file], g.names[b.file]),
			)
		})
		if in.reject == nil {
			in.reject = g.repeated(in)
		}
	}
	if in.reject != nil {
		in.reject.files = files
		g.pass(nil, in.reject)
		return
	}
	g.pass(&Invoice{Number: in.number, Row: row, Draft: in.draft(), files: files}, nil)
}

func (in *group) draft() orders.OrderDraft {
	first := &in.parts[0].first
	d := orders.OrderDraft{
		Source:     SourceName,
		Reference:  in.number,
		CustomerID: first.customer,
		Currency:   currency,
		PlacedAt:   first.at,
		Lines:      in.parts[0].lines,
	}
	if first.country != "" {
		d.Metadata = map[string]string{"country": first.country}
	}
	for _, p := range in.parts[1:] {
		d.Lines = append(d.Lines, p.lines...)
	}
	return d
}

// repeated rejects an invoice if two files have the same row of it. The row may be meant twice, or the files may
// overlap. Nobody can tell which.
func (g *grouping) repeated(in *group) *Reject {
	type origin struct{ file, row int }
	seen := map[orders.DraftLine]origin{}
	for _, p := range in.parts {
		for i, line := range p.lines {
			if before, known := seen[line]; known && before.file != p.file {
				return &Reject{
					Invoice: in.number,
					Row:     p.rows[i],
					Code:    CodeRepeated,
					file:    p.file,
					Reason: fmt.Sprintf(
						"row %d of %s has the same article, quantity and price: do the files overlap? Leave one out, "+
							"or put the invoice into one file",
						before.row,
						filepath.Base(g.names[before.file]),
					),
				}
			}
			seen[line] = origin{p.file, p.rows[i]}
		}
	}
	return nil
}

// compareNames sorts names as people do: part2 before part10.
func compareNames(a, b string) int {
	for a != "" && b != "" {
		x, y := leadingDigits(a), leadingDigits(b)
		if x == "" || y == "" {
			if a[0] != b[0] {
				return cmp.Compare(a[0], b[0])
			}
			a, b = a[1:], b[1:]
			continue
		}
		a, b = a[len(x):], b[len(y):]
		x, y = strings.TrimLeft(x, "0"), strings.TrimLeft(y, "0")
		if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
			return c
		}
	}
	return cmp.Compare(len(a), len(b))
}

func leadingDigits(text string) string {
	return text[:len(text)-len(strings.TrimLeft(text, "0123456789"))]
}

package retail

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"ordertally/client/orders"
)

// grouping collects the rows of each invoice from all files.
type grouping struct {
	names    []string // of the files
	groups   []*group // by first row
	byNumber map[string]*group
}

// group is one invoice. A row without a readable invoice number is its own group.
type group struct {
	number string
	parts  []*part // one per file, in the order read
	reject *Reject // set once a row was bad
}

// part is one file's share of an invoice. The first row gives time, customer and country.
type part struct {
	file     int
	first    row
	firstRow int
	lines    []orders.DraftLine
	rows     []int // the line number of each
}

func (g *grouping) add(file, number int, r row, f *fault) {
	in := g.byNumber[r.invoice]
	if in == nil || r.invoice == "" {
		in = &group{number: r.invoice}
		g.groups = append(g.groups, in)
		g.byNumber[r.invoice] = in
	}
	if len(in.parts) == 0 || in.parts[len(in.parts)-1].file != file {
		in.parts = append(in.parts, &part{file: file, first: r, firstRow: number})
	}
	switch {
	case in.reject != nil:
	case f != nil:
		in.reject = &Reject{Invoice: r.invoice, Row: number, Code: f.code, Reason: f.reason, file: file}
	default:
		p := in.parts[len(in.parts)-1]
		p.lines, p.rows = append(p.lines, r.line), append(p.rows, number)
	}
}

// reading returns what was collected. The parts of an invoice are ordered by file name, so the order in which files are
// listed does not matter.
func (g *grouping) reading() (r Reading) {
	for _, in := range g.groups {
		files := make([]int, len(in.parts))
		for i, p := range in.parts {
			files[i] = p.file
		}
		row := in.parts[0].firstRow
		slices.SortStableFunc(in.parts, func(a, b *part) int {
			return cmp.Or(
				compareNames(filepath.Base(g.names[a.file]), filepath.Base(g.names[b.file])),
				compareNames(g.names[a.file], g.names[b.file]),
			)
		})
		if in.reject == nil && len(in.parts) > 1 {
			in.reject = g.repeated(in)
		}
		if in.reject != nil {
			in.reject.files = files
			r.Rejects = append(r.Rejects, *in.reject)
			continue
		}
		r.Invoices = append(r.Invoices, Invoice{Number: in.number, Row: row, Draft: in.draft(), files: files})
	}
	sortRejects(r.Rejects)
	return r
}

func (in *group) draft() orders.OrderDraft {
	first := in.parts[0].first
	d := orders.OrderDraft{
		Source:     SourceName,
		Reference:  in.number,
		CustomerID: first.customer,
		Currency:   currency,
		PlacedAt:   first.at,
	}
	if first.country != "" {
		d.Metadata = map[string]string{"country": first.country}
	}
	for _, p := range in.parts {
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

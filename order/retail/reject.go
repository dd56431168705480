package retail

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"

	"ordertally/shared/text/safetext"
)

// The codes of rejects. Codes of the service's problems are used too.
const (
	CodeCancelled     = "cancelled"        // InvoiceNo begins with C
	CodeQuantity      = "quantity_below_1" // a return or a correction
	CodePrice         = "price_below_0"
	CodePriceDecimals = "price_decimals"  // more than two
	CodeRepeated      = "row_repeated"    // two files have the same row of the invoice
	CodeChanged       = "invoice_changed" // an earlier import placed it with other rows
	CodeMalformedRow  = "malformed_row"   // not eight columns of UTF-8, or one of them cannot be read
)

// Reject is an invoice that was not imported, or a row whose invoice number cannot be read.
type Reject struct {
	Invoice string // "" when it cannot be read
	Row     int    // line number of the offending row, from 1, header included
	Code    string
	Reason  string

	file  int   // position of the file among those imported
	files []int // positions of all files with rows of the invoice
}

// File is the position of the file with the row, among the files that were read.
func (r *Reject) File() int { return r.file }

// WriteRejects writes rejects as CSV with the header invoice,row,code,reason.
func WriteRejects(w io.Writer, rejects []Reject) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"invoice", "row", "code", "reason"}) // the error is kept and returned below
	for _, r := range rejects {
		_ = out.Write([]string{safetext.Cell(r.Invoice), strconv.Itoa(r.Row), r.Code, safetext.Cell(r.Reason)})
	}
	out.Flush()
	if err := out.Error(); err != nil {
		return fmt.Errorf("write rejects: %w", err)
	}
	return nil
}

func sortRejects(rejects []Reject) {
	slices.SortStableFunc(rejects, func(a, b Reject) int { return cmp.Or(a.file-b.file, a.Row-b.Row) })
}

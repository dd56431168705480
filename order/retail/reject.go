package retail

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// The codes of rejects that are found while reading. Those of the service's problems come on top.
const (
	CodeCancelled     = "cancelled"        // InvoiceNo begins with C
	CodeQuantity      = "quantity_below_1" // a return or a correction
	CodePrice         = "price_below_0"
	CodePriceDecimals = "price_decimals" // more than two
	CodeMalformedRow  = "malformed_row"  // not eight columns of UTF-8, or one of them cannot be read
)

// Reject is an invoice that was not imported, or a row whose invoice number cannot be read.
type Reject struct {
	Invoice string // "" when it cannot be read
	Row     int    // the line of the file, from 1, header included, that was the reason
	Code    string
	Reason  string

	file int // position of the file among those imported, for sorting
}

// WriteRejects writes rejects as CSV with the header invoice,row,code,reason.
func WriteRejects(w io.Writer, rejects []Reject) error {
	out := csv.NewWriter(w)
	_ = out.Write([]string{"invoice", "row", "code", "reason"}) // an error stays and is returned below
	for _, r := range rejects {
		_ = out.Write([]string{r.Invoice, strconv.Itoa(r.Row), r.Code, r.Reason})
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

package retail

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"ordertally/order"
	"ordertally/shared/event"
)

const (
	header  = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
	columns = 8
)

// row is one line of a file.
type row struct {
	invoice, customer, country string
	at                         time.Time
	line                       event.Line
}

// fault is what is wrong with a row.
type fault struct{ code, reason string }

func malformed(format string, args ...any) *fault {
	return &fault{CodeMalformedRow, fmt.Sprintf(format, args...)}
}

// parseRow reads one line. With a fault, the row's invoice is set if it can be read.
func parseRow(text string, london *time.Location) (r row, f *fault) {
	fields, err := splitRow(text)
	if len(fields) > 0 && isInvoiceNumber(fields[0]) {
		r.invoice = fields[0]
	}
	switch {
	case !utf8.ValidString(text):
		return r, malformed("the row is not UTF-8")
	case err != "":
		return r, malformed("%s", err)
	case len(fields) != columns:
		return r, malformed("the row has %d columns, want %d", len(fields), columns)
	case r.invoice == "":
		return r, malformed("InvoiceNo %s is not 1 to %d visible ASCII characters", show(fields[0]), order.MaxReference)
	case strings.HasPrefix(r.invoice, "C"):
		return r, &fault{CodeCancelled, "the invoice is a cancellation"}
	}
	r.line.SKU, r.line.Description = fields[1], fields[2]
	if r.line.Quantity, f = parseQuantity(fields[3]); f != nil {
		return r, f
	}
	if r.at, f = parseLocal(fields[4], london); f != nil {
		return r, f
	}
	if r.line.UnitPrice, f = parsePrice(fields[5]); f != nil {
		return r, f
	}
	r.customer, r.country = parseCustomer(fields[6]), fields[7]
	return r, nil
}

// splitRow splits a line of CSV (RFC 4180) as far as it can be read. A field cannot hold a line break, so that one
// quote too many spoils one row and not the rest of the file; no text of an order may hold one either.
func splitRow(text string) (fields []string, fault string) {
	for {
		if !strings.HasPrefix(text, `"`) {
			field, rest, more := strings.Cut(text, ",")
			if strings.Contains(field, `"`) {
				return fields, "a quote stands inside a field that is not quoted"
			}
			fields = append(fields, field)
			if !more {
				return fields, ""
			}
			text = rest
			continue
		}
		field, rest, ok := unquote(text[1:])
		if !ok {
			return fields, "a quoted field is not closed in its line"
		}
		fields = append(fields, field)
		if rest == "" {
			return fields, ""
		}
		if rest[0] != ',' {
			return fields, "text follows a quoted field"
		}
		text = rest[1:]
	}
}

// unquote reads up to the closing quote; two quotes stand for one.
func unquote(text string) (field, rest string, ok bool) {
	var b strings.Builder
	for {
		part, after, found := strings.Cut(text, `"`)
		if !found {
			return "", "", false
		}
		b.WriteString(part)
		if !strings.HasPrefix(after, `"`) {
			return b.String(), after, true
		}
		b.WriteByte('"')
		text = after[1:]
	}
}

// isInvoiceNumber keeps to what fits an order's reference and an idempotency key.
func isInvoiceNumber(text string) bool {
	return len(text) <= order.MaxReference && order.ValidKey(KeyPrefix+text) && text != ""
}

func parseQuantity(text string) (int64, *fault) {
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return 0, malformed("Quantity %s is not an integer", show(text))
	case n < 1:
		return 0, &fault{CodeQuantity, fmt.Sprintf("Quantity %d is below 1", n)}
	}
	return n, nil
}

// parsePrice reads pounds as pence, digit by digit: a float would lose some.
func parsePrice(text string) (int64, *fault) {
	digits, negative := strings.CutPrefix(text, "-")
	pounds, decimals, hasPoint := strings.Cut(digits, ".")
	if !isDigits(pounds) || hasPoint && !isDigits(decimals) {
		return 0, malformed("UnitPrice %s is not a decimal number", show(text))
	}
	if len(decimals) > 2 {
		return 0, &fault{CodePriceDecimals, fmt.Sprintf("UnitPrice %s has more than two decimals", show(text))}
	}
	whole, err := strconv.ParseInt(pounds, 10, 64)
	if err != nil || whole > math.MaxInt64/100-1 {
		return 0, malformed("UnitPrice %s is too large", show(text))
	}
	pence, _ := strconv.ParseInt((decimals + "00")[:2], 10, 64) // two digits
	price := whole*100 + pence
	if negative && price > 0 {
		return 0, &fault{CodePrice, fmt.Sprintf("UnitPrice %s is below 0", show(text))}
	}
	return price, nil
}

// parseCustomer turns the number that a spreadsheet made of an id back into the id.
func parseCustomer(text string) string {
	if whole, ok := strings.CutSuffix(text, ".0"); ok && isDigits(whole) {
		return whole
	}
	return text
}

func isDigits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// show quotes a value of the file for a reason, cut when it is long.
func show(text string) string {
	const most = 40 // bytes
	if len(text) > most {
		return fmt.Sprintf("%.*q...", most, text)
	}
	return strconv.Quote(text)
}

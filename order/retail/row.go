package retail

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"ordertally/client/orders"
	"ordertally/order"
	"ordertally/shared/event"
)

// row is one line of a file.
type row struct {
	invoice, customer, country string
	at                         time.Time
	line                       orders.DraftLine
}

// fault is what is wrong with a row.
type fault struct{ code, reason string }

// reject is the reject of the invoice that a row stands for.
func (f *fault) reject(invoice string, file, row int) *Reject {
	return &Reject{Invoice: invoice, Row: row, Code: f.code, Reason: f.reason, file: file}
}

func malformed(format string, args ...any) *fault {
	return &fault{CodeMalformedRow, fmt.Sprintf(format, args...)}
}

// layout is how the rows of one file are read.
type layout struct {
	at        places
	separator byte
	dates     dating
	zone      *time.Location
	replaced  bool // characters that could not be decoded became U+FFFD

	fields []string // of the last row
	fault  string   // why they are not all there

	// What was read last: rows that follow each other mostly have the same.
	invoices, customers, countries memo
	timed                          string
	instant                        time.Time
}

// memo has what was made of a text last.
type memo struct{ text, value string }

func (m *memo) of(text string, parse func(string) string) string {
	if m.text != text {
		*m = memo{text, parse(strings.TrimSpace(text))} // columns of fixed width are padded
	}
	return m.value
}

// split splits a line into fields.
func (l *layout) split(text string) { l.fields, l.fault = splitRow(l.fields, text, l.separator) }

// invoice returns the number of the invoice that the last row belongs to, or "".
func (l *layout) invoice() string {
	if len(l.fields) <= l.at[columnInvoice] {
		return ""
	}
	return l.invoices.of(l.fields[l.at[columnInvoice]], parseInvoice)
}

// row reads one line. With a fault, the row's invoice is set if it can be read.
func (l *layout) row(text string) (r row, f *fault) {
	l.split(text)
	fields := l.fields
	r.invoice = l.invoice()
	raw := func(column int) string { return fields[l.at[column]] }
	field := func(column int) string { return strings.TrimSpace(raw(column)) } // fixed-width columns are padded
	switch {
	case !utf8.ValidString(text):
		return r, malformed("the row is not UTF-8")
	case l.replaced && strings.ContainsRune(text, utf8.RuneError):
		return r, malformed("the row is not UTF-16")
	case l.fault != "":
		return r, malformed("%s", l.fault)
	case len(fields) != columns:
		return r, malformed("the row has %d columns, want %d", len(fields), columns)
	case r.invoice == "":
		return r, malformed(
			"InvoiceNo %s is not 1 to %d visible ASCII characters",
			show(field(columnInvoice)),
			event.MaxReference,
		)
	case strings.HasPrefix(r.invoice, "C"):
		return r, &fault{CodeCancelled, "the invoice is a cancellation"}
	}
	r.line.SKU, r.line.Description = raw(columnSKU), something(raw(columnDescription))
	if r.line.Quantity, f = parseQuantity(field(columnQuantity)); f != nil {
		return r, f
	}
	if r.at, f = l.time(field(columnDate)); f != nil {
		return r, f
	}
	if r.line.UnitPrice, f = parsePrice(field(columnPrice)); f != nil {
		return r, f
	}
	r.customer = l.customers.of(raw(columnCustomer), parseCustomer)
	r.country = l.countries.of(raw(columnCountry), something)
	return r, nil
}

// time reads an InvoiceDate.
func (l *layout) time(text string) (time.Time, *fault) {
	if text == l.timed && text != "" {
		return l.instant, nil
	}
	m, ok := l.dates.moment(text)
	if !ok {
		return time.Time{}, malformed(
			"InvoiceDate %s is not an existing date and time as in 2010-12-01 08:26:00",
			show(text),
		)
	}
	order := l.dates.of(m.style)
	wall, exists := m.wall(order)
	switch {
	case !exists && m.year == 0:
		return time.Time{}, malformed("InvoiceDate %s is not an existing date and time", show(text))
	case !exists:
		return time.Time{}, malformed(
			"InvoiceDate %s, read %s, is not an existing date and time",
			show(text),
			strings.ReplaceAll(string(order), "-", " "),
		)
	}
	l.timed, l.instant = text, instant(wall, l.zone)
	return l.instant, nil
}

// splitRow splits a line of CSV (RFC 4180) as far as it can be read. A field cannot contain a line break, because no
// text of an order may. So a stray quote spoils one row and not the rest of the file. The fields replace those in into.
func splitRow(into []string, text string, separator byte) (fields []string, fault string) {
	fields = into[:0]
	for {
		if text == "" || text[0] != '"' {
			field, rest, more := text, "", false
			if end := strings.IndexByte(text, separator); end >= 0 {
				field, rest, more = text[:end], text[end+1:], true
			}
			if strings.IndexByte(field, '"') >= 0 {
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
		if rest[0] != separator {
			return fields, "text follows a quoted field"
		}
		text = rest[1:]
	}
}

// unquote reads up to the closing quote. Two quotes stand for one.
func unquote(text string) (field, rest string, ok bool) {
	if field, rest, ok = strings.Cut(text, `"`); !ok || !strings.HasPrefix(rest, `"`) {
		return field, rest, ok
	}
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

// isInvoiceNumber accepts only what fits an order's reference and an idempotency key.
func isInvoiceNumber(text string) bool {
	return len(text) <= event.MaxReference && order.ValidKey(KeyPrefix+text) && text != ""
}

// parseQuantity reads a whole number. 6.0 is one, because programs write it in a column that once had a gap. 1.000 is
// not, because it may mean a thousand.
func parseQuantity(text string) (int64, *fault) {
	if n, ok := plainDecimal(text, 0); ok && n > 0 {
		return n, nil
	}
	digits := text
	for _, zeros := range []string{".0", ".00"} {
		if whole, ok := strings.CutSuffix(text, zeros); ok && isDigits(strings.TrimPrefix(whole, "-")) {
			digits = whole
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case err != nil:
		return 0, malformed("Quantity %s is not an integer", show(text))
	case n < 1:
		return 0, &fault{CodeQuantity, fmt.Sprintf("Quantity %d is below 1", n)}
	}
	return n, nil
}

// parsePrice reads pounds as pence, digit by digit, because a float would be inexact. Decimals follow a point or a
// comma. If there are both, the first one groups digits. 2.5500 is 2.55. 2.550 is refused, because it may be grouped.
func parsePrice(text string) (int64, *fault) {
	if price, ok := plainDecimal(text, 2); ok {
		return price, nil
	}
	digits, negative := strings.CutPrefix(text, "-")
	if !negative {
		digits = strings.TrimPrefix(digits, "+")
	}
	sign := strings.LastIndexAny(digits, ".,")
	pounds, decimals := digits, ""
	if sign >= 0 {
		pounds, decimals = digits[:sign], digits[sign+1:]
		pounds = ungrouped(pounds, map[byte]string{'.': ",", ',': "."}[digits[sign]])
	}
	if pounds == "" && decimals != "" {
		pounds = "0"
	}
	if len(decimals) > 3 {
		decimals = decimals[:2] + strings.TrimRight(decimals[2:], "0")
	}
	if !isDigits(pounds) || sign >= 0 && !isDigits(decimals) {
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

// plainDecimal reads digits that may have a point and at most so many decimals behind them, as most files write
// numbers. It returns the number without the point. It reports false for all else, which may still be a number.
func plainDecimal(text string, decimals int) (n int64, ok bool) {
	const most = 15 // digits, which fit without a look
	if text == "" || len(text) > most || text[0] == '.' {
		return 0, false
	}
	point := -1
	for i := range len(text) {
		switch digit := text[i]; {
		case digit >= '0' && digit <= '9':
			n = n*10 + int64(digit-'0')
		case digit == '.' && point < 0 && i+1 < len(text):
			point = i
		default:
			return 0, false
		}
	}
	there := 0
	if point >= 0 {
		there = len(text) - point - 1
	}
	if there > decimals {
		return 0, false
	}
	for ; there < decimals; there++ {
		n *= 10
	}
	return n, true
}

// ungrouped joins groups of three digits. Any other grouping stays as it is and is not a number.
func ungrouped(text, sign string) string {
	groups := strings.Split(text, sign)
	for i, group := range groups {
		if i > 0 && len(group) != 3 || i == 0 && len(groups) > 1 && (group == "" || len(group) > 3) {
			return text
		}
	}
	return strings.Join(groups, "")
}

// nothing lists the words that programs write for an empty cell, in lower case. None has more than longestNothing
// bytes.
var nothing = []string{"nan", "null", "none", "na", "n/a", "<na>", "#n/a", `\n`}

const longestNothing = 4

// something returns text, or "" if it stands for an empty cell.
func something(text string) string {
	if len(text) > longestNothing || text == "" {
		return text
	}
	if slices.Contains(nothing, strings.ToLower(text)) {
		return ""
	}
	return text
}

// parseID restores an id that a spreadsheet made into a number: 17850.0 and 17850,00 are 17850.
func parseID(text string) string {
	i := strings.IndexAny(text, ".,")
	if i <= 0 || i+1 == len(text) || !isDigits(text[:i]) || strings.Trim(text[i+1:], "0") != "" {
		return text
	}
	return text[:i]
}

// parseCustomer returns the id of a customer, or "" for a guest.
func parseCustomer(text string) string { return parseID(something(text)) }

// parseInvoice returns an invoice number, or "" if text is not one.
func parseInvoice(text string) string {
	number := parseID(something(text))
	if !isInvoiceNumber(number) {
		return ""
	}
	return number
}

func isDigits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// show quotes a value of the file for a reason. A long one is cut.
func show(text string) string {
	const most = 40 // bytes
	if len(text) > most {
		return fmt.Sprintf("%.*q...", most, text)
	}
	return strconv.Quote(text)
}

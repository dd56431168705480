package output

import (
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Time returns a time as people read it: local, with its offset, to the second. The zero time is "-".
func Time(at time.Time) string { return local(at, time.RFC3339) }

// Millis is Time to the millisecond.
func Millis(at time.Time) string { return local(at, "2006-01-02T15:04:05.000Z07:00") }

func local(at time.Time, layout string) string {
	if at.IsZero() {
		return "-"
	}
	return at.Local().Format(layout)
}

// Count returns a number of things: "1 order", "2 orders", "0 entries".
func Count[N int | int32 | int64 | uint64](n N, thing string) string {
	if n != 1 {
		thing = plural(thing)
	}
	return fmt.Sprintf("%d %s", n, thing)
}

func plural(thing string) string {
	// not day, key
	if stem, ok := strings.CutSuffix(thing, "y"); ok && !strings.ContainsAny(stem[len(stem)-1:], "aeo") {
		return stem + "ies"
	}
	return thing + "s"
}

// Took returns how long something took, to three digits or so: 1.53s, 12ms.
func Took(d time.Duration) string {
	if d > time.Minute {
		return d.Round(time.Second).String()
	}
	return d.Round(max(d/1000, time.Millisecond)).Round(time.Millisecond).String()
}

// Money is an amount of a currency, in its minor unit.
type Money struct {
	Currency string
	Minor    *big.Int // nil is no amount
}

// MoneyOf returns an amount that fits 64 bits.
func MoneyOf(currency string, minor int64) Money { return Money{currency, big.NewInt(minor)} }

// String returns the amount in the currency's own unit, such as GBP 12.50.
func (m Money) String() string {
	if m.Minor == nil {
		return "-"
	}
	text, sign := new(big.Int).Abs(m.Minor).String(), ""
	if m.Minor.Sign() < 0 {
		sign = "-"
	}
	if d := digits(m.Currency); d > 0 {
		if missing := d + 1 - len(text); missing > 0 {
			text = strings.Repeat("0", missing) + text
		}
		text = text[:len(text)-d] + "." + text[len(text)-d:]
	}
	return m.Currency + " " + sign + text
}

// Currencies without a minor unit, and those with another one than a hundredth, by ISO 4217. The last line has
// withdrawn ones that had no minor unit at their end.
const (
	withoutMinor = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF " +
		"ADP BYB BYR ESP ITL LUF TRL"
	thousandths    = "BHD IQD JOD KWD LYD OMR TND"
	tenThousandths = "CLF UYW"
)

// digits returns how many digits the minor unit of a currency has.
func digits(currency string) int {
	switch {
	case len(currency) != 3:
		return 2
	case strings.Contains(withoutMinor, currency):
		return 0
	case strings.Contains(thousandths, currency):
		return 3
	case strings.Contains(tenThousandths, currency):
		return 4
	}
	return 2
}

// Quote returns text for a table. Text that could be mistaken for more than one cell is quoted, because anybody may
// have written it. No text is "-".
func Quote(text string) string {
	odd := func(r rune) bool { return !unicode.IsPrint(r) || r == '"' || r == '\\' }
	switch {
	case text == "":
		return "-"
	case text == "-", strings.TrimSpace(text) != text, strings.Contains(text, "  "), strings.ContainsFunc(text, odd):
		return strconv.Quote(text)
	}
	return text
}

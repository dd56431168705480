// Package wholenumber reads whole numbers by their value: 1250.0 and 1.25e3 are 1250. JSON Schema calls a number with a
// zero fraction an integer, and many JSON encoders write one that way.
package wholenumber

import (
	"errors"
	"math"
	"strconv"
)

// The errors of Parse.
var (
	ErrSyntax   = errors.New("it is not a JSON number")
	ErrFraction = errors.New("it is not a whole number")
	ErrRange    = errors.New("it does not fit 64 bits")
)

// Parse returns the value of a JSON number. Its time depends on the length of the text, not on the exponent. It
// allocates nothing. The error is one of those above.
func Parse(number []byte) (int64, error) {
	if n, plain := small(number); plain {
		return n, nil
	}
	rest := number
	negative := len(rest) > 0 && rest[0] == '-'
	if negative {
		rest = rest[1:]
	}
	whole, rest := digits(rest)
	var fraction []byte
	if len(rest) > 0 && rest[0] == '.' {
		if fraction, rest = digits(rest[1:]); len(fraction) == 0 {
			return 0, ErrSyntax
		}
	}
	exponent, ok := exponent(rest)
	if !ok || len(whole) == 0 || len(whole) > 1 && whole[0] == '0' {
		return 0, ErrSyntax
	}
	return value(negative, whole, fraction, exponent)
}

// small reads the usual case: a few digits and nothing else.
func small(number []byte) (n int64, plain bool) {
	if len(number) == 0 || len(number) > 18 || number[0] == '0' && len(number) > 1 {
		return 0, false
	}
	for _, c := range number {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}

// digits splits off the leading digits.
func digits(text []byte) (taken, rest []byte) {
	n := 0
	for n < len(text) && text[n] >= '0' && text[n] <= '9' {
		n++
	}
	return text[:n], text[n:]
}

// farAway is an exponent beyond the length of any text.
const farAway = math.MaxInt32

// exponent reads what follows the digits, which may be nothing. It returns farAway for any larger exponent.
func exponent(text []byte) (n int, ok bool) {
	if len(text) == 0 {
		return 0, true
	}
	if text[0] != 'e' && text[0] != 'E' {
		return 0, false
	}
	text = text[1:]
	negative := len(text) > 0 && text[0] == '-'
	if negative || len(text) > 0 && text[0] == '+' {
		text = text[1:]
	}
	taken, rest := digits(text)
	if len(taken) == 0 || len(rest) > 0 {
		return 0, false
	}
	for _, c := range taken {
		n = min(n*10+int(c-'0'), farAway)
	}
	if negative {
		n = -n
	}
	return n, true
}

// value returns the value of the digits with the point moved exponent places to the right.
func value(negative bool, whole, fraction []byte, exponent int) (int64, error) {
	at := func(i int) byte {
		if i < len(whole) {
			return whole[i]
		}
		return fraction[i-len(whole)]
	}
	first, end := 0, len(whole)+len(fraction)
	for first < end && at(first) == '0' {
		first++
	}
	for end > first && at(end-1) == '0' {
		end--
	}
	point := len(whole) + exponent // index of the first digit after the point
	switch {
	case first == end:
		return 0, nil
	case end > point:
		return 0, ErrFraction
	case point-first > 19:
		return 0, ErrRange
	}
	var room [20]byte
	text := room[:0]
	if negative {
		text = append(text, '-')
	}
	for i := first; i < point; i++ {
		if i < end {
			text = append(text, at(i))
		} else {
			text = append(text, '0')
		}
	}
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		return 0, ErrRange
	}
	return n, nil
}

package order

import (
	"bytes"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"ordertally/shared/event"
)

var (
	draftFields    = []string{"source", "reference", "customer_id", "currency", "lines", "placed_at", "metadata"}
	lineFields     = []string{"sku", "description", "quantity", "unit_price"}
	computedFields = []string{"id", "total", "placed_by", "publication"}
)

// DecodeDraft reads a request's body. It is strict: names are case-sensitive, every field must be known, null stands
// for nothing, and numbers are whole, whatever their spelling. now is the service's time: an order was placed before
// it, or at most MaxAhead after it.
//
// The error is a *Rejection that lists every violation, or the place where the body stops being JSON.
func DecodeDraft(body []byte, now time.Time) (Draft, error) {
	s := scanner{in: jsontext.NewDecoder(bytes.NewBuffer(body)), body: body}
	draft := s.draft(now)
	if err := s.finish(CodeInvalidOrder); err != nil {
		return Draft{}, err
	}
	return draft, nil
}

// draft reads the outermost object.
func (s *scanner) draft(now time.Time) (d Draft) {
	if !s.outermost() {
		return d
	}
	var hasCurrency, hasLines, brokenReference bool
	for s.next('}') {
		switch name := s.name(); string(name) {
		case "source":
			d.Source = s.text(identifier(1, MaxSource))
		case "reference":
			before := s.total
			d.Reference = s.text(identifier(0, MaxReference))
			brokenReference = s.total > before
		case "customer_id":
			d.CustomerID = s.text(identifier(0, MaxCustomerID))
		case "currency":
			hasCurrency = true
			d.Currency = s.currency()
		case "lines":
			hasLines = true
			d.Lines = s.lines()
		case "placed_at":
			d.PlacedAt = s.time(now)
		case "metadata":
			d.Metadata = s.metadata()
		default:
			s.unknown(name, draftFields, computedFields)
		}
	}
	s.leave()
	if !hasCurrency {
		s.missing("", "currency")
	}
	if !d.PlacedAt.IsZero() {
		if broken := checkActive(d.Currency, d.PlacedAt); broken != "" {
			s.violateAt("/currency", RuleUnknownCurrency, broken)
		}
	}
	if !hasLines {
		s.missing("", "lines")
	}
	if d.Source != "" && d.Reference == "" && !brokenReference {
		s.violateAt(
			"/reference",
			RuleRequired,
			"is missing: an order with a source needs a reference, which it has alone among the orders of that source",
		)
	}
	return d
}

func (s *scanner) currency() string {
	code, ok := s.rawText()
	if ok && !isCurrency(code) {
		s.violate(RuleUnknownCurrency, "must be an ISO 4217 currency code in upper case, such as GBP")
	}
	return code
}

func (s *scanner) time(now time.Time) time.Time {
	text, ok := s.rawText()
	if !ok {
		return time.Time{}
	}
	at, rule, detail := parseTime(text, now)
	if rule != "" {
		s.violate(rule, detail)
	}
	return at
}

func (s *scanner) lines() (lines []event.Line) {
	if !s.enter('[', "an array of lines") {
		return nil
	}
	tooMany := false
	for s.next(']') {
		if len(lines) == MaxLines {
			tooMany = true
			s.skip()
			continue
		}
		lines = append(lines, s.line(len(lines)))
	}
	s.leave()
	switch {
	case tooMany:
		s.violate(RuleTooMany, "must have at most "+strconv.Itoa(MaxLines)+" lines")
	case len(lines) == 0:
		s.violate(RuleEmpty, "must have at least one line")
	}
	s.checkTotal(lines)
	return lines
}

func (s *scanner) line(index int) (l event.Line) {
	if !s.enter('{', "an object") {
		return l
	}
	var hasSKU, hasQuantity, hasPrice bool
	for s.next('}') {
		switch name := s.name(); string(name) {
		case "sku":
			hasSKU = true
			l.SKU = s.text(identifier(1, MaxSKU))
		case "description":
			l.Description = s.text(freeText(MaxDescription))
		case "quantity":
			hasQuantity = true
			l.Quantity = s.integer(1, MaxQuantity)
		case "unit_price":
			hasPrice = true
			l.UnitPrice = s.integer(0, maxAmount)
		default:
			s.unknown(name, lineFields, nil)
		}
	}
	s.leave()
	if hasSKU && hasQuantity && hasPrice {
		return l
	}
	at := linePointer(index)
	if !hasSKU {
		s.missing(at, "sku")
	}
	if !hasQuantity {
		s.missing(at, "quantity")
	}
	if !hasPrice {
		s.missing(at, "unit_price")
	}
	return l
}

// checkTotal reports the lines whose amount overflows, or else the sum that does.
func (s *scanner) checkTotal(lines []event.Line) {
	overflows := false
	for i := range lines {
		if _, ok := lineAmount(&lines[i]); !ok {
			overflows = true
			s.violateAt(linePointer(i), RuleOverflow, "quantity times unit_price must not exceed 9223372036854775807")
		}
	}
	if _, ok := (&Draft{Lines: lines}).Total(); !ok && !overflows {
		s.violateAt("/lines", RuleOverflow, "the total of the lines must not exceed 9223372036854775807")
	}
}

func linePointer(index int) string { return "/lines/" + strconv.Itoa(index) }

func (s *scanner) metadata() map[string]string {
	if !s.enter('{', "an object of strings") {
		return nil
	}
	var entries map[string]string
	count := 0
	for s.next('}') {
		key := string(s.name())
		if count++; count > MaxMetadata {
			s.skip()
			continue
		}
		value := s.text(freeText(MaxMetadataValue))
		if rule, detail := identifier(1, MaxMetadataKey).check(key); rule != "" {
			s.violate(rule, "its key "+detail)
		}
		if entries == nil {
			entries = make(map[string]string, 4)
		}
		entries[key] = value
	}
	s.leave()
	if count > MaxMetadata {
		s.violate(RuleTooMany, "must have at most "+strconv.Itoa(MaxMetadata)+" entries")
	}
	return entries
}

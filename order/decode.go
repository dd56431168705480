package order

import (
	"fmt"
	"strconv"
	"time"

	"ordertally/shared/event"
)

// answered are members of answers that are in no list of fields. A request may not have them either.
var answered = []string{"placed_by", "status", "cancelled_at", "cancelled_by", "reason", "publication"}

// DecodeDraft reads a request's body. It is strict. Names are case-sensitive, every field must be known, and null is no
// value. Numbers must be whole, however they are written. now is the service's time. placed_at may be at most MaxAhead
// later.
//
// The error is a *Rejection. It lists every violation, or the place where the body stops being JSON.
func DecodeDraft(body []byte, now time.Time) (Draft, error) {
	s := newScanner(body, now)
	defer s.release()
	var d Draft
	if s.outermost() {
		broken := readMembers(&s, "", event.OrderFields, &d, answered)
		s.checkDraft(&d, broken)
	}
	if err := s.finish(CodeInvalidOrder); err != nil {
		return Draft{}, err
	}
	return d, nil
}

// MemberKey is the member of a line of a batch that has its idempotency key. An order that comes alone has it in a
// header.
const MemberKey = "idempotency_key"

// decodeLine reads a line of a batch as DecodeDraft reads a body. The key is "" if there is none.
func decodeLine(line []byte, now time.Time) (d Draft, key string, err error) {
	given := ""
	s := newScanner(line, now)
	defer s.release()
	s.key = &given
	if s.outermost() {
		broken := readMembers(&s, "", event.OrderFields, &d, answered)
		s.checkDraft(&d, broken)
	}
	switch err := s.finish(CodeInvalidOrder); {
	case s.malformed == nil && s.badKey:
		return Draft{}, "", reject(CodeInvalidKey, Violation{
			Pointer: "/" + MemberKey, Rule: RuleInvalidCharacter,
			Detail: fmt.Sprintf("must be 1 to %d visible ASCII characters", MaxKey),
		})
	case err != nil:
		return Draft{}, "", err
	}
	return d, given, nil
}

// isKey reads the idempotency key, if that is the name and the object is a line of a batch.
func (s *scanner) isKey(at string, name []byte) bool {
	if s.key == nil || at != "" || string(name) != MemberKey {
		return false
	}
	key, ok := s.rawText()
	if ok && !ValidKey(key) {
		s.badKey = true
	}
	*s.key = key
	return true
}

// checkDraft checks the rules that involve more than one field. broken has the fields that already broke a rule on
// their own.
func (s *scanner) checkDraft(d *Draft, broken map[string]bool) {
	if !d.PlacedAt.IsZero() {
		if fault := checkActive(d.Currency, d.PlacedAt); fault != "" {
			s.violateAt("/currency", RuleUnknownCurrency, fault)
		}
	}
	if d.Source != "" && d.Reference == "" && !broken["reference"] {
		s.violateAt(
			"/reference",
			RuleRequired,
			"is missing: an order with a source needs a reference, which it has alone among the orders of that source",
		)
	}
}

// readMembers reads the members of an object to its end. The scanner has already entered the object. It returns which
// members broke a rule.
func readMembers[T any](s *scanner, at string, fields []event.Field[T], v *T,
	others []string) (broken map[string]bool) {
	var given uint64 // one bit per field
	for s.next('}') {
		name := s.name()
		i := find(fields, name)
		if i < 0 {
			if !s.isKey(at, name) {
				unknown(s, name, fields, others)
			}
			continue
		}
		given |= 1 << i
		before := s.total
		readValue(s, &fields[i], v)
		if s.total > before {
			if broken == nil {
				broken = map[string]bool{}
			}
			broken[fields[i].Name] = true
		}
	}
	s.leave()
	for i := range fields {
		if fields[i].Presence == event.Required && given&(1<<i) == 0 {
			s.missing(at, fields[i].Name)
		}
	}
	return broken
}

// find returns the index of the field with that name, or -1 if a request may not have one.
func find[T any](fields []event.Field[T], name []byte) int {
	for i := range fields {
		if fields[i].Name == string(name) && fields[i].Presence != event.Computed {
			return i
		}
	}
	return -1
}

// names returns the names of the fields that a request may have, or of the computed ones.
func names[T any](fields []event.Field[T], computed bool) (names []string) {
	for i := range fields {
		if (fields[i].Presence == event.Computed) == computed {
			names = append(names, fields[i].Name)
		}
	}
	return names
}

// readValue reads one member. It has a case for each type that Field.Of may return, as addField (the hash) and
// event.Field.append (the encoder) have.
func readValue[T any](s *scanner, f *event.Field[T], v *T) {
	switch value := f.Of(v).(type) {
	case *string:
		if f.Form == event.Currency {
			*value = s.currency()
		} else {
			*value = s.text(textRule{atLeast: int(f.Min), atMost: int(f.Max), tabs: f.Form == event.Free})
		}
	case *int64:
		*value = s.integer(f.Min, f.Max)
	case *time.Time:
		*value = s.time()
	case *[]event.Line:
		*value = s.lines(int(f.Max))
	case *map[string]string:
		*value = s.texts(int(f.Max))
	default:
		panic(fmt.Sprintf("order: field %s has a type that no request can have", f.Name))
	}
}

func (s *scanner) currency() string {
	code, ok := s.rawText()
	if ok && !isCurrency(code) {
		s.violate(RuleUnknownCurrency, "must be an ISO 4217 currency code in upper case, such as GBP")
	}
	return code
}

func (s *scanner) time() time.Time {
	text, ok := s.rawText()
	if !ok {
		return time.Time{}
	}
	at, rule, detail := parseTime(text, s.now)
	if rule != "" {
		s.violate(rule, detail)
	}
	return at
}

func (s *scanner) lines(atMost int) (lines []event.Line) {
	if !s.enter('[', "an array of lines") {
		return nil
	}
	tooMany := false
	for s.next(']') {
		if len(lines) == atMost {
			tooMany = true
			s.skip()
			continue
		}
		if lines == nil {
			lines = make([]event.Line, 0, 4)
		}
		lines = append(lines, event.Line{})
		if s.enter('{', "an object") {
			readMembers(s, linePointer(len(lines)-1), event.LineFields, &lines[len(lines)-1], nil)
		}
	}
	s.leave()
	switch {
	case tooMany:
		s.violate(RuleTooMany, "must have at most "+strconv.Itoa(atMost)+" lines")
	case len(lines) == 0:
		s.violate(RuleEmpty, "must have at least one line")
	}
	s.checkTotal(lines)
	return lines
}

// checkTotal reports the lines whose amounts overflow. If none do, it reports a total that overflows.
func (s *scanner) checkTotal(lines []event.Line) {
	overflows := false
	for i := range lines {
		if _, ok := lineAmount(&lines[i]); !ok {
			overflows = true
			s.violateAt(linePointer(i), RuleOverflow, "quantity times unit_price must not exceed 9223372036854775807")
		}
	}
	if _, ok := Total(lines); !ok && !overflows {
		s.violateAt("/lines", RuleOverflow, "the total of the lines must not exceed 9223372036854775807")
	}
}

func linePointer(index int) string { return "/lines/" + strconv.Itoa(index) }

func (s *scanner) texts(atMost int) map[string]string {
	if !s.enter('{', "an object of strings") {
		return nil
	}
	var entries map[string]string
	count := 0
	for s.next('}') {
		key := string(s.name())
		if count++; count > atMost {
			s.skip()
			continue
		}
		value := s.text(freeText(event.MaxMetadataValue))
		if rule, detail := identifier(1, event.MaxMetadataKey).check(key); rule != "" {
			s.violate(rule, "its key "+detail)
		}
		if entries == nil {
			entries = make(map[string]string, 4)
		}
		entries[key] = value
	}
	s.leave()
	if count > atMost {
		s.violate(RuleTooMany, "must have at most "+strconv.Itoa(atMost)+" entries")
	}
	return entries
}

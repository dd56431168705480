package order

import (
	"slices"
	"strings"

	"ordertally/shared/event"
)

// maxPointer bounds the pointers of an answer, in bytes. A longer one is cut to the nearest parent that fits.
const maxPointer = 256

// full reports that the list is full. Further violations are only counted, so a body with a hundred thousand of them
// costs no more than a good one.
func (s *scanner) full() bool { return len(s.violations) == MaxViolations }

// violate records that the last value read breaks a rule.
func (s *scanner) violate(rule Rule, detail string) {
	switch {
	case s.malformed != nil:
	case s.full():
		s.total++
	default:
		s.violateAt(string(s.in.StackPointer()), rule, detail)
	}
}

func (s *scanner) violateAt(pointer string, rule Rule, detail string) {
	if s.total++; !s.full() {
		s.violations = append(s.violations, Violation{cutPointer(pointer), rule, detail})
	}
}

func cutPointer(pointer string) string {
	for len(pointer) > maxPointer {
		pointer = pointer[:strings.LastIndexByte(pointer, '/')]
	}
	return pointer
}

func (s *scanner) missing(parent, name string) {
	s.violateAt(parent+"/"+name, RuleRequired, "is missing")
}

// unknown skips a member whose name is not a field that a request may have.
func unknown[T any](s *scanner, name []byte, fields []event.Field[T], answered []string) {
	if s.full() {
		s.total++
		s.skip()
		return
	}
	text := string(name)
	s.skip()
	if slices.Contains(names(fields, true), text) || slices.Contains(answered, text) {
		s.violate(RuleComputedField, "is computed by the service; leave it out")
		return
	}
	detail := "is not a known field"
	if near := nearest(text, names(fields, false)); near != "" {
		detail += "; did you mean " + near + "?"
	}
	s.violate(RuleUnknownField, detail)
}

package measure

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Rule is what must hold for an event to be possible. One of three forms:
//
//	id exists                                            there is a value that is not empty
//	lines.quantity >= 1                                  every value; one that is missing reads as 0
//	total = sum(lines.quantity * lines.unit_price)       of members of the same objects
type Rule struct {
	Path    Path
	AtLeast int64  // when Factors is nil
	Factors []Path // the sum of whose products Path must be
	Exists  bool   // there must be a value; AtLeast has no meaning then
}

var (
	existsForm  = regexp.MustCompile(`^(\S+)\s+exists$`)
	atLeastForm = regexp.MustCompile(`^(\S+)\s*>=\s*(-?\d+)$`)
	productForm = regexp.MustCompile(`^(\S+)\s*=\s*sum\(\s*(\S+)\s*\*\s*(\S+)\s*\)$`)
)

// ParseRule reads a rule.
func ParseRule(text string) (Rule, error) {
	text = strings.TrimSpace(text)
	if parts := existsForm.FindStringSubmatch(text); parts != nil {
		path, err := ParsePath(parts[1])
		return Rule{Path: path, Exists: true}, err
	}
	if parts := atLeastForm.FindStringSubmatch(text); parts != nil {
		path, err := ParsePath(parts[1])
		if err != nil {
			return Rule{}, err
		}
		bound, err := strconv.ParseInt(parts[2], 10, 64)
		return Rule{Path: path, AtLeast: bound}, err
	}
	parts := productForm.FindStringSubmatch(text)
	if parts == nil {
		return Rule{}, fmt.Errorf(
			"%.80q is not a rule: write PATH exists, PATH >= NUMBER, or PATH = sum(PATH * PATH)",
			text,
		)
	}
	var paths [3]Path
	for i, part := range parts[1:] {
		var err error
		if paths[i], err = ParsePath(part); err != nil {
			return Rule{}, err
		}
	}
	if parent(paths[1]) != parent(paths[2]) {
		return Rule{}, fmt.Errorf("%.80q multiplies %s and %s, which are not members of the same objects", text,
			paths[1], paths[2])
	}
	return Rule{Path: paths[0], Factors: paths[1:]}, nil
}

func parent(p Path) string {
	at := strings.LastIndexByte(string(p), '.')
	return string(p)[:max(at, 0)]
}

// String returns the rule as ParseRule reads it.
func (r Rule) String() string {
	if r.Exists {
		return string(r.Path) + " exists"
	}
	if r.Factors == nil {
		return fmt.Sprintf("%s >= %d", r.Path, r.AtLeast)
	}
	return fmt.Sprintf("%s = sum(%s * %s)", r.Path, r.Factors[0], r.Factors[1])
}

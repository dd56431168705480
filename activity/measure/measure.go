package measure

import (
	"fmt"
	"regexp"
	"strings"
)

// Measure is one figure that an activity keeps.
type Measure struct {
	Name string // in answers and in the file
	Kind *Kind
	Path Path // of the values
	By   Path // of the currency that a sum is kept apart by; "" for none
}

// Path leads to values in a JSON document: names of members with dots between. It goes through arrays to all their
// elements.
type Path string

var (
	pathForm    = regexp.MustCompile(`^[^\s().,*=<>]+(\.[^\s().,*=<>]+)*$`)
	nameForm    = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
	measureForm = regexp.MustCompile(`^(\w+)\(\s*([^()]*?)\s*\)(?:\s+by\s+(\S+))?$`)
)

const maxPath = 200

// ParsePath checks a path.
func ParsePath(text string) (Path, error) {
	if len(text) > maxPath || !pathForm.MatchString(text) {
		return "", fmt.Errorf("%.80q is not a path: write the names of members with dots between, as in "+
			"metadata.country", text)
	}
	return Path(text), nil
}

// Within reports whether the path leads on from that of an object.
func (p Path) Within(object Path) bool { return strings.HasPrefix(string(p), string(object)+".") }

// CheckName says what is wrong with the name of a measure or dimension.
func CheckName(name string) error {
	if !nameForm.MatchString(name) {
		return fmt.Errorf("%.80q is not a name: write small letters, digits and underscores, at most 64, a letter "+
			"first", name)
	}
	return nil
}

// Parse reads a measure, such as "sum(total) by currency".
func Parse(name, text string) (Measure, error) {
	if err := CheckName(name); err != nil {
		return Measure{}, err
	}
	parts := measureForm.FindStringSubmatch(strings.TrimSpace(text))
	m := Measure{Name: name}
	for _, kind := range kinds {
		if parts != nil && parts[1] == kind.Word {
			m.Kind = kind
		}
	}
	if m.Kind == nil || parts[3] != "" && !m.Kind.By {
		return Measure{}, fmt.Errorf("%.80q is not a measure: write %s", text, usage())
	}
	var err error
	if m.Path, err = ParsePath(parts[2]); err != nil {
		return Measure{}, err
	}
	if parts[3] != "" {
		m.By, err = ParsePath(parts[3])
	}
	return m, err
}

// String returns the measure as Parse reads it.
func (m Measure) String() string {
	text := m.Kind.Word + "(" + string(m.Path) + ")"
	if m.By != "" {
		text += " by " + string(m.By)
	}
	return text
}

// Dimension splits what is counted by a value, such as the country of an order. If the value is a member of objects in
// an array, such as an order's lines, it counts these objects instead of the events, with the sums of what is inside
// them.
type Dimension struct {
	Name string
	Path Path
	// Single says that the value is known to be in no array.
	Single bool
}

// Has reports whether every value of the dimension has the sums of a measure. A dimension that may split the elements
// of an array lacks the sums of what is outside them.
func (d *Dimension) Has(m *Measure) bool {
	objects := d.Objects()
	return m.Kind.Sums && (d.Single || objects == "" || m.Path.Within(objects))
}

// Objects returns the path of the objects that the value is a member of, "" for the event itself.
func (d *Dimension) Objects() Path { return Path(parent(d.Path)) }

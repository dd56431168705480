package measure

// Type is what an answer holds in one place.
type Type string

// The types.
const (
	Integer Type = "integer" // that is not negative and fits 63 bits
	Wide    Type = "wide"    // an integer that is not negative and may exceed 64 bits
	Number  Type = "number"  // with a fraction, perhaps; for details only, since clients read figures as whole numbers
	Boolean Type = "boolean"
	Map     Type = "map"    // from currencies to Of
	Object  Type = "object" // with Members
)

// Form describes a value in an answer. It is in the words of no API: who answers turns it into its own.
type Form struct {
	Type    Type
	Says    string // what it means
	Example any    // nil for none
	Of      *Form
	Members []Member
	// Name of an Object. Objects of one name have one form.
	Name string
}

// Member is one of an Object.
type Member struct {
	Name string
	Form
	Least    int64 // the smallest value
	Optional bool  // it may be left out
}

// by returns a form as it is, or a map to it if the measure is kept apart by currency.
func (m *Measure) by(form Form, says string, example any) Form {
	if m.By == "" {
		return form
	}
	return Form{Type: Map, Says: says, Example: example, Of: &form}
}

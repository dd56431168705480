package measure

import (
	"fmt"

	"ordertally/shared/boltdb/codec"
)

// Distinct is the kind of measure that counts different texts.
var Distinct = &Kind{
	Word: "distinct",
	Code: 3,
	Says: "how many different texts there are: exactly while they are few, then nearly",
	Read: readTexts,
	New:  func() State { return new(texts) },
	Form: func(m *Measure) Form {
		return Form{Type: Integer, Example: 1,
			Says: "How many different " + string(m.Path) + " there are; see stats for how exact that is."}
	},
	Details: func(*Measure) Form {
		return Form{Type: Object, Name: "DistinctStats", Says: "How good a count of different texts is.",
			Members: []Member{
				{Name: "exact", Form: Form{Type: Boolean,
					Says: fmt.Sprintf("It was counted exactly, as up to %d are.", MaxExact)}},
				{Name: "relative_error", Optional: true, Form: Form{Type: Number, Example: RelativeError,
					Says: "The standard error otherwise, as a share. Left out when it is exact."}},
			}}
	},
}

// readTexts sets v to the hashes of all texts of an event.
func readTexts(at Found, v *Value) error {
	for i := range at.Len() {
		text, err := at.Text(i)
		switch {
		case err != nil:
			return err
		case len(text) == 0:
		case !v.Known:
			v.Hash, v.Known = Hash(text), true
		default:
			v.More = append(v.More, Hash(text))
		}
	}
	return nil
}

// texts is the State of Distinct.
type texts struct{ sketch Sketch }

// Add implements State.
func (t *texts) Add(v *Value) {
	if v.Known {
		t.sketch.Add(v.Hash)
	}
	for _, hash := range v.More {
		t.sketch.Add(hash)
	}
}

// Merge implements State.
func (t *texts) Merge(other State) {
	if o, same := other.(*texts); same {
		t.sketch.Merge(&o.sketch)
	}
}

// Encode implements State.
func (t *texts) Encode(record *codec.Encoder) { t.sketch.Encode(record) }

// Decode implements State.
func (t *texts) Decode(record *codec.Decoder) { t.sketch.Decode(record) }

// Render implements State.
func (t *texts) Render(*Measure) any { return t.sketch.Count() }

// Details implements State.
func (t *texts) Details(*Measure) any {
	if t.sketch.Exact() {
		return exactness{Exact: true}
	}
	return exactness{RelativeError: RelativeError}
}

// exactness is how good a count of different texts is.
type exactness struct {
	Exact         bool    `json:"exact"`
	RelativeError float64 `json:"relative_error,omitzero"`
}

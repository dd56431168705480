package measure

// Count is the kind of measure that counts elements.
var Count = &Kind{
	Word:    "count",
	Code:    1,
	Says:    "how many elements there are",
	Objects: true,
	Read: func(at Found, v *Value) error {
		v.Amount = at.Elements()
		return nil
	},
	New: newAmounts,
	Form: func(m *Measure) Form {
		return Form{Type: Integer, Says: "How many " + string(m.Path) + " there are.", Example: 2}
	},
	Details: spreadForm,
}

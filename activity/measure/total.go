package measure

// Total is the kind of measure that adds up whole numbers.
var Total = &Kind{
	Word: "sum",
	Code: 2,
	Says: "the sum of whole numbers that are not negative, by currency if a path says which",
	By:   true,
	Sums: true,
	Read: func(at Found, v *Value) (err error) {
		if v.Amount, err = at.Sum(); err == nil {
			v.Group, err = at.Group()
		}
		return err
	},
	New: newAmounts,
	Form: func(m *Measure) Form {
		sum := Form{Type: Wide, Says: "The sum of " + string(m.Path) + ".", Example: 12}
		if m.By != "" {
			sum.Says, sum.Example = "The sum in minor units.", nil
		}
		return m.by(sum, "The sum of "+string(m.Path)+" by "+string(m.By)+", in minor units. Empty when there is none.",
			map[string]int{"GBP": 3564})
	},
	Details: spreadForm,
}

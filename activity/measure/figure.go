package measure

import (
	"slices"
	"strings"
)

// Figure is what one measure added up to.
type Figure struct {
	Name string
	Kind *Kind
	State
}

// FigureOf returns the figure of that name and its kind's. If there is none it is put into figures, which are in order
// of their names.
func FigureOf(figures []Figure, name string, kind *Kind) ([]Figure, *Figure) {
	at, found := slices.BinarySearchFunc(figures, name,
		func(f Figure, name string) int { return strings.Compare(f.Name, name) })
	if !found {
		figures = slices.Insert(figures, at, Figure{name, kind, kind.New()})
	}
	return figures, &figures[at]
}

// MergeFigures adds figures to others, both in order of their names.
func MergeFigures(to, from []Figure) []Figure {
	for i := range from {
		var figure *Figure
		to, figure = FigureOf(to, from[i].Name, from[i].Kind)
		figure.Merge(from[i].State)
	}
	return to
}

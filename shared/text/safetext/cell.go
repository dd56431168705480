package safetext

import "regexp"

// formula matches what makes a spreadsheet run a cell. It looks at the beginning, and after what some programs take for
// a separator.
var formula = regexp.MustCompile(`(^|[;\t\r\n])([=+\-@\t\r])`)

// Cell returns text for a cell of a CSV file. What a spreadsheet would run as a formula gets a leading apostrophe, and
// all other text is as it was.
func Cell(text string) string { return formula.ReplaceAllString(text, "$1'$2") }

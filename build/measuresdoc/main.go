// Command measuresdoc prints docs/reference/measures.md: every kind of measure, as the program itself describes it.
package main

import (
	"fmt"
	"os"
	"strings"

	"ordertally/activity/measure"
)

const head = `# Measures

Made from the program by ` + "`make generate`; `make lint`" +
	` fails when it is not up to date. A measure of an activity is
declared as its name, a colon and one of these:

| Declared as | Adds up | In an answer | Below ` + "`stats`" + ` |
|---|---|---|---|
`

const foot = `
Minutes and the values of dimensions have only these: %s.

A path leads to values in the JSON of a message: names of members with dots between. It goes through arrays to all their
elements. Amounts are whole numbers that are not negative; ` + "`100.0` and `1e2`" + ` are whole.
A kind that takes numbers takes one from each event: the sum of those at its path.
`

func main() {
	var text strings.Builder
	text.WriteString(head)
	var summed []string
	for _, kind := range measure.Kinds() {
		m := measure.Measure{Kind: kind}
		fmt.Fprintf(&text, "| `%s` | %s | %s | %s |\n", strings.Join(kind.Usage(), "`, `"), kind.Says,
			in(kind.Form(&m), kind.By), in(kind.Details(&m), kind.By))
		if kind.Sums {
			summed = append(summed, "`"+kind.Word+"`")
		}
	}
	fmt.Fprintf(&text, foot, strings.Join(summed, ", "))
	if _, err := os.Stdout.WriteString(text.String()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// in describes a form in a few words.
func in(form measure.Form, by bool) string {
	says := string(form.Type)
	switch form.Type {
	case measure.Object:
		names := make([]string, len(form.Members))
		for i := range form.Members {
			names[i] = "`" + form.Members[i].Name + "`"
		}
		says = strings.Join(names, ", ")
	case measure.Wide:
		says = "integer of any size"
	case measure.Integer, measure.Number, measure.Boolean, measure.Map:
	}
	if by {
		says += "; with `by`, one for each currency"
	}
	return says
}

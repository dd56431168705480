package declare_test

import (
	"strings"
	"testing"

	"ordertally/activity/declare"
)

// TestParse_TellsAllFaultsWithTheirPlaces declares several activities with several faults each, in blocks and in
// brackets: each fault has its line, the activity's name and the setting.
func TestParse_TellsAllFaultsWithTheirPlaces(t *testing.T) {
	for _, c := range []struct {
		what, text string
		want       []string
	}{
		{"three activities", `# a comment

- name: GOOD
  topic: t
- name: PAID
  topic: a/b
  time: paid.at unit=h
  measures:
    total: average(amount)
    hours: sum(hours)
  colour: red
  rules:
    - amount > 1
    - amount >= 0
- topic: t
  name: lower
  topic: u
- name: GOOD
  topic: [x]
  subject: 'header:'
`, []string{
			`line 6, PAID: topic: "a/b" is not the name of a topic`,
			`line 7, PAID: time: "unit=h" `,
			`line 9, PAID: measures: total: "average(amount)" is not a measure`,
			`line 10, PAID: measures: hours: that name has another meaning`,
			`line 11, PAID: colour: no such setting`,
			`line 13, PAID: rules: "amount > 1" is not a rule`,
			`line 16, activity number 3: name: "lower" is not the name of an activity`,
			`line 17, activity number 3: topic: is already set on line 15`,
			`line 18, GOOD: name: it is declared twice, first on line 3`,
			`line 19, GOOD: topic: write a plain text`,
			`line 20, GOOD: subject: write header:NAME`,
		}},
		{"in brackets", `[{name: A, topic: t, time: at zone=X/Y}, {name: B, topic: t, dimensions: {x: "a b", Y: a}},
 {name: C}]`, []string{
			`line 1, A: time: "X/Y" is not the name of an IANA time zone`,
			`line 1, B: dimensions: x: "a b" is not a path`,
			`line 1, B: dimensions: Y: "Y" is not a name`,
			`line 2, C: topic: it has none: say which topic it is read from`,
		}},
		{"no mappings", "- PAID\n- name: A\n  topic: t\n  measures: sum(a)\n  rules: a >= 1\n", []string{
			`line 1, activity number 1: write its settings as "name: value"`,
			`line 4, A: measures: write them as "name: value"`,
			`line 5, A: rules: write them as a list`,
		}},
	} {
		_, err := declare.Parse(c.text)
		if err == nil {
			t.Errorf("%s: it is taken", c.what)
			continue
		}
		lines := strings.Split(err.Error(), "\n")
		for i, want := range c.want {
			if i >= len(lines) || !strings.HasPrefix(lines[i], want) {
				t.Errorf("%s: want a line %s", c.what, want)
			}
		}
		if len(lines) != len(c.want) {
			t.Errorf("%s: got\n%s", c.what, err)
		}
	}
}

// TestParse_RefusesPathsThatCannotBeServed declares texts and numbers at places that hold objects by the declaration's
// own word: every event would be parked, or told apart by nothing.
func TestParse_RefusesPathsThatCannotBeServed(t *testing.T) {
	for settings, want := range map[string]string{
		"measures: {units: sum(lines.quantity)}, dimensions: {line: " +
			"lines}": `dimensions: line: lines holds objects, by lines.quantity: name one of their members`,
		"measures: {units: sum(lines.quantity), articles: " +
			"distinct(lines)}": `measures: articles: lines holds objects`,
		"measures: {units: sum(lines.quantity), all: sum(lines)}": `measures: all: lines holds objects`,
		"measures: {paid: sum(amount) by paid}, dimensions: {how: " +
			"paid.method}": `measures: paid: paid holds objects, by paid.method`,
		"subject: order, rules: [order.total >= " +
			"1]": `subject: order holds objects, by order.total`,
		"time: payload, measures: {n: " +
			"sum(payload.n)}": `time: payload holds objects, by payload.n`,
		"measures: {n: sum(a.b.c)}, rules: [a.b >= 1]": `rules: a.b holds objects, by a.b.c`,
		"dimensions: {sku: lines.sku, code: " +
			"lines.sku.code}": `dimensions: sku: lines.sku holds objects, by lines.sku.code`,
	} {
		_, err := declare.Parse("- {name: A, topic: t, " + settings + "}")
		if err == nil || !strings.Contains(err.Error(), "line 1, A: "+want) {
			t.Errorf("%s: %v", settings, err)
		}
	}
	for _, good := range []string{
		"measures: {items: count(lines), units: sum(lines.quantity)}, dimensions: {sku: lines.sku}",
		"measures: {n: sum(line)}, dimensions: {x: lines.x, y: line-up.y}",
	} {
		if _, err := declare.Parse("- {name: A, topic: t, " + good + "}"); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

package ingest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"ordertally/activity"
	"ordertally/activity/declare"
	"ordertally/activity/measure"
	"ordertally/shared/kafka"
)

// declared returns the only activity of a declaration, of plain JSON without headers.
func declared(t testing.TB, more string) *activity.Definition {
	t.Helper()
	defs, err := declare.Parse("- {name: SOLD, topic: t, id: id, time: at, " + more + "}")
	if err != nil {
		t.Fatal(err)
	}
	return &defs[0]
}

// plain is a record of plain JSON: members beside the id and the time.
func plain(id, members string) kafka.Record {
	return kafka.Record{Timestamp: written,
		Value: fmt.Appendf(nil, `{"id":%q,"at":"2010-12-01T08:26:00Z",%s}`, id, members)}
}

// count counts the records and returns the table of each dimension, as text.
func count(t testing.TB, def *activity.Definition, records ...kafka.Record) (tables map[string]string,
	parked []activity.Parked) {
	t.Helper()
	b := newDecoder(def).batch(kafka.Fetched{Records: records})
	var totals activity.Totals
	totals.Begin(def)
	for i := range b.Messages {
		totals.Add(def, &b.Messages[i].Event)
	}
	tables = map[string]string{}
	for i := range totals.Tables {
		table := &totals.Tables[i]
		var rows []string
		for j := range table.Rows {
			rows = append(rows, table.Rows[j].Value+": "+tally(&table.Rows[j].Tally))
		}
		if table.Rest.Count > 0 {
			rows = append(rows, "rest: "+tally(&table.Rest))
		}
		tables[table.Name] = strings.Join(rows, "; ")
	}
	return tables, b.Parked
}

func tally(t *measure.Tally) string {
	text := fmt.Sprint(t.Count)
	for _, s := range t.Sums {
		text += fmt.Sprintf(" %s%s=%s", s.Measure, s.Group, s.Sum)
	}
	return text
}

// TestDimension_SplitsTheElementsOfAnArray has dimensions whose values are members of an array's objects, of objects,
// and lists.
func TestDimension_SplitsTheElementsOfAnArray(t *testing.T) {
	lines := declared(t, "measures: {items: count(lines), revenue: sum(total) by currency, units: "+
		"sum(lines.quantity)}, dimensions: {sku: lines.sku}")
	tags := declared(t, "measures: {revenue: sum(total)}, dimensions: {tag: tags, country: metadata.country}")
	deep := declared(t, "measures: {cost: sum(parcels.lines.price.amount) by currency, units: "+
		"sum(parcels.lines.quantity), weight: sum(parcels.weight)}, "+
		"dimensions: {carrier: parcels.carrier, colour: parcels.lines.colour, sku: parcels.lines.sku}")
	for _, c := range []struct {
		what string
		def  *activity.Definition
		with string
		want map[string]string
	}{
		{"lines, two of one article", lines,
			`"total":30,"currency":"GBP","lines":[{"sku":"b","quantity":2},{"quantity":3,"sku":"a"},{"sku":"b",` +
				`"quantity":4}]`,
			map[string]string{"sku": "a: 1 units=3; b: 2 units=6"}},
		{"one line", lines, `"total":30,"currency":"GBP","lines":[{"sku":"a","quantity":2}]`,
			map[string]string{"sku": "a: 1 units=2"}},
		{"a line that is no element", lines, `"total":30,"currency":"GBP","lines":{"sku":"a","quantity":2}`,
			map[string]string{"sku": "a: 1 revenueGBP=30 units=2"}},
		{"an article that is a number, one that is missing, null, an object or a list", lines,
			`"total":1,"currency":"GBP","lines":[{"sku":7,"quantity":1},{"quantity":2},{"sku":null,"quantity":4},` +
				`{"sku":{"code":"x"},"quantity":8},{"sku":["p","q","p"],"quantity":16}]`,
			map[string]string{"sku": ": 3 units=14; 7: 1 units=1; p: 1 units=16; q: 1 units=16"}},
		{"an element that is no object", lines, `"total":1,"currency":"GBP","lines":[null,{"sku":"a","quantity":2}]`,
			map[string]string{"sku": ": 1 units=0; a: 1 units=2"}},
		{"lists of the event", tags, `"total":5,"tags":["new","gift","new"],"metadata":{"country":"France"}`,
			map[string]string{"tag": "gift: 1 revenue=5; new: 1 revenue=5", "country": "France: 1 revenue=5"}},
		{"an empty list", tags, `"total":5,"tags":[],"metadata":{}`,
			map[string]string{"tag": ": 1 revenue=5", "country": ": 1 revenue=5"}},
		{"an object where a text should be", tags, `"total":5,"tags":{"a":1},"metadata":{"country":{"code":"FR"}}`,
			map[string]string{"tag": ": 1 revenue=5", "country": ": 1 revenue=5"}},
		{"arrays in arrays", deep, `"currency":"EUR","parcels":[
			{"carrier":"x","weight":9,"lines":[{"sku":"a","colour":"red","quantity":1,"price":{"amount":10}},
			{"sku":"b","quantity":2,"price":{"amount":20}}]},
			{"carrier":"y","weight":1,"lines":[]},
			{"weight":5,"carrier":"x","lines":[{"sku":"a","quantity":4,"price":{"amount":40}}]}]`,
			map[string]string{
				"carrier": "x: 2 costEUR=70 units=7 weight=14; y: 1 costEUR=0 units=0 weight=1",
				"colour":  ": 2 costEUR=60 units=6; red: 1 costEUR=10 units=1",
				"sku":     "a: 2 costEUR=50 units=5; b: 1 costEUR=20 units=2",
			}},
	} {
		got, parked := count(t, c.def, plain("e", c.with))
		if len(parked) > 0 || !maps.Equal(got, c.want) {
			t.Errorf("%s: got %v\nwant %v\nparked %v", c.what, got, c.want, parked)
		}
	}
}

// TestDimension_OfOneEventIsNotOfTheNext decodes events of different shapes one after the other, as the service does.
func TestDimension_OfOneEventIsNotOfTheNext(t *testing.T) {
	def := declared(t, "measures: {total: sum(total), units: sum(lines.quantity)}, dimensions: {sku: lines.sku}")
	got, parked := count(t, def,
		plain("1", `"total":1,"lines":[{"sku":"a","quantity":1},{"sku":"b","quantity":2}]`),
		plain("2", `"total":10,"lines":{"sku":"a","quantity":4}`),
		plain("3", `"total":100,"lines":[{"sku":"b","quantity":8}]`), plain("4", `"total":1000,"lines":[]`),
		plain("5", `"total":1000,"lines":[{"sku":"c","quantity":1},5]`),
	)
	if want := ": 1 units=0; a: 2 total=10 units=5; b: 2 units=10; c: 1 units=1"; got["sku"] != want ||
		len(parked) != 1 {
		t.Errorf("got %s\nwant %s\nparked %v", got["sku"], want, parked)
	}
}

// TestDimension_HoldsNoMoreRowsThanATable has one event with more values than are told apart: the first are, the others
// are the rest.
func TestDimension_HoldsNoMoreRowsThanATable(t *testing.T) {
	lines := declared(t, "measures: {units: sum(lines.quantity)}, dimensions: {sku: lines.sku}")
	tags := declared(t, "measures: {units: sum(n)}, dimensions: {tag: tags}")
	var elements, texts []string
	for i := range measure.MaxRows + 200 {
		elements = append(elements, fmt.Sprintf(`{"sku":"s%04d","quantity":1}`, i))
		texts = append(texts, fmt.Sprintf(`"s%04d"`, i))
	}
	long := strings.Repeat("x", measure.MaxRowBytes+1)
	for name, tables := range map[string]func() (map[string]string, []activity.Parked){
		"sku": func() (map[string]string, []activity.Parked) {
			return count(t, lines, plain("e",
				`"lines":[`+strings.Join(elements, ",")+`,{"sku":"`+long+
					`","quantity":7},{"sku":"s0000","quantity":1}]`))
		},
		"tag": func() (map[string]string, []activity.Parked) {
			return count(t, tags, plain("e", `"n":1,"tags":[`+strings.Join(texts, ",")+`,"`+long+`","s0000"]`))
		},
	} {
		got, parked := tables()
		rows := strings.Split(got[name], "; ")
		want := map[string]string{"sku": "rest: 201 units=207", "tag": "rest: 201 units=201"}[name]
		if len(parked) > 0 || len(rows) != measure.MaxRows+1 || rows[len(rows)-1] != want ||
			slices.Contains(rows, long) {
			t.Errorf("%s: %d rows, the last %q, want %q; parked %v", name, len(rows), rows[len(rows)-1], want, parked)
		}
	}
}

// TestDistinct_CountsTheElementsOfAnArray counts how many different texts there are, of all elements.
func TestDistinct_CountsTheElementsOfAnArray(t *testing.T) {
	def := declared(t, "measures: {articles: distinct(lines.sku), customers: distinct(customer)}")
	b := newDecoder(def).batch(kafka.Fetched{Records: []kafka.Record{
		plain("1", `"customer":"c","lines":[{"sku":"a"},{"sku":"b"},{"sku":"a"}]`),
		plain("2", `"lines":[{"sku":"c"},{},{"sku":""}]`), plain("3", `"customer":"c","lines":[]`),
	}})
	var totals activity.Totals
	totals.Begin(def)
	for i := range b.Messages {
		totals.Add(def, &b.Messages[i].Event)
	}
	articles, customers := totals.Figure("articles").Render(nil), totals.Figure("customers").Render(nil)
	if articles != int64(3) || customers != int64(1) || len(b.Parked) > 0 {
		t.Errorf("%d articles and %d customers, parked %v", articles, customers, b.Parked)
	}
}

package measure_test

import (
	"fmt"
	"strings"
	"testing"

	"ordertally/activity/measure"
)

func TestParse_TakesWhatStringWrites(t *testing.T) {
	for _, text := range []string{"count(lines)", "sum(lines.quantity)", "sum(total) by currency",
		"distinct(customer_id)", "sum(a.b-c.d) by e.f"} {
		m, err := measure.Parse("name", text)
		if err != nil || m.String() != text {
			t.Errorf("%s came back as %s, %v", text, m, err)
		}
	}
	for _, text := range []string{"", "count", "count()", "avg(total)", "sum(total", "sum(a b)",
		"count(lines) by currency", "distinct(a) by b", "sum(a) by",
		"sum(a..b)", "sum(.a)", "sum(a.)", "sum(sum(a))", "sum(" + strings.Repeat("a", 201) + ")"} {
		if m, err := measure.Parse("name", text); err == nil {
			t.Errorf("%q was taken as %s", text, m)
		}
	}
	for _, name := range []string{"", "Revenue", "1st", "a-b", strings.Repeat("a", 65)} {
		if _, err := measure.Parse(name, "count(a)"); err == nil {
			t.Errorf("the name %q was taken", name)
		}
	}
}

func TestParseRule_TakesWhatStringWrites(t *testing.T) {
	for _, text := range []string{"lines.quantity >= 1", "balance >= -5",
		"total = sum(lines.quantity * lines.unit_price)"} {
		r, err := measure.ParseRule(text)
		if err != nil || r.String() != text {
			t.Errorf("%s came back as %s, %v", text, r, err)
		}
	}
	for _, text := range []string{"", "total", "total >= x", "total >= 99999999999999999999", "total > 1",
		"a = sum(b.c * d.e)", "a = sum(b)", "a = b"} {
		if r, err := measure.ParseRule(text); err == nil {
			t.Errorf("%q was taken as %s", text, r)
		}
	}
}

// TestTable_IsBounded counts more values than a table keeps, and merges tables of parts.
func TestTable_IsBounded(t *testing.T) {
	var first, second measure.Table
	for i := range measure.MaxRows + 50 {
		first.At(fmt.Sprintf("v%d", i)).Add(nil, nil)
		second.At(fmt.Sprintf("v%d", i+measure.MaxRows)).Add(nil, nil)
	}
	second.At("v7").Add(nil, nil) // the table is full
	first.At(strings.Repeat("x", measure.MaxRowBytes+1)).Add(nil, nil)
	if len(first.Rows) != measure.MaxRows || first.Rest.Count != 51 || second.Rest.Count != 51 {
		t.Fatalf("%d rows, %d and %d in the rest", len(first.Rows), first.Rest.Count, second.Rest.Count)
	}
	first.At("v3").Add(nil, nil)
	first.Merge(&second)
	rows, rest := first.Top(100)
	if len(rows) != 100 || rows[0].Value != "v3" || rows[0].Count != 2 || rest.Count != 2*measure.MaxRows+103-101 {
		t.Fatalf("%d rows, the first %+v, %d in the rest", len(rows), rows[0], rest.Count)
	}
}

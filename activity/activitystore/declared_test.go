package activitystore_test

import (
	"encoding/binary"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"ordertally/activity"
	"ordertally/activity/activitystore"
	"ordertally/activity/activitytest"
	"ordertally/activity/measure"
)

// TestOpen_RefusesAnotherMeaningOfAMeasure declares another figure under a name that was counted.
func TestOpen_RefusesAnotherMeaningOfAMeasure(t *testing.T) {
	f := newFile(t)
	f.apply(batch(1, message("a", 0, noon, 1)))
	for says, change := range map[string]func(*activity.Definition){
		"sum(lines.quantity)": func(d *activity.Definition) { d.Measures[3].Path = "lines.weight" },
		"metadata.country":    func(d *activity.Definition) { d.Dimensions[0].Path = "metadata.region" },
	} {
		changed := activitytest.Orders()
		change(&changed)
		if _, err := activitystore.Open(t.Context(), f.db, changed, activitystore.Options{}); err == nil ||
			!strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", says, err)
		}
	}
}

// TestStore_MeasuresComeAndGo counts with one measure less, then with one more than before. What was counted stays.
func TestStore_MeasuresComeAndGo(t *testing.T) {
	f := newFile(t)
	f.apply(batch(1, message("a", 0, noon, 7)))
	less := activitytest.Orders()
	less.Measures, less.Dimensions = less.Measures[:2], nil // customers and items
	store, err := activitystore.Open(t.Context(), f.db, less, activitystore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := message("b", 0, noon, 8)
	m.Event.Values, m.Event.Labels = m.Event.Values[:2], nil
	if _, err := store.Apply(t.Context(), batch(2, m)); err != nil {
		t.Fatal(err)
	}
	f.close()
	f.open()
	f.apply(batch(3, message("c", 0, noon, 9)))
	got := f.bins()[activity.QuarterOf(noon)]
	if got.Count != 3 || activitytest.Sum(&got, "items", "") != measure.SumOf(6) ||
		activitytest.Sum(&got, "revenue", "GBP") != measure.SumOf(16) ||
		got.Figure("customers").Render(nil) != int64(3) || len(got.Tables) != 1 || got.Tables[0].Rows[0].Count != 2 {
		t.Fatalf("got %+v", got)
	}
}

// TestStore_BinsComeBackWhole stores totals with everything in them and reads them with their minutes.
func TestStore_BinsComeBackWhole(t *testing.T) {
	f := newFile(t)
	var orders []activitytest.Order
	for i := range int64(1200) { // more customers than are kept one by one, more countries than rows
		o := order(strings.Repeat("x", int(i%7))+string(rune('a'+i%26)), noon.Add(time.Duration(i%900)*time.Second), i)
		o.Customer, o.Country = string(binary.AppendVarint(nil, i)), string(binary.AppendVarint(nil, i))
		if i%3 == 0 {
			o.Currency = "EUR"
		}
		orders = append(orders, o)
	}
	want := activitytest.Totals(orders...)
	want.Changed = activity.Changed{At: noon, Next: map[int32]int64{4: 1}}
	for start := 0; start < len(orders); start += 500 {
		b := &activity.Batch{Next: map[int32]activity.Position{4: {Offset: 1}}}
		for i, o := range orders[start:min(start+500, len(orders))] {
			b.Messages = append(b.Messages,
				activity.Message{ID: string(binary.AppendVarint([]byte{'m'}, int64(start+i))), Partition: 4,
					Event: o.Event()})
		}
		f.apply(b)
	}
	var got activity.Totals
	_, err := f.Read(t.Context(), activity.Span{To: math.MaxInt64},
		func(_ activity.Quarter, totals *activity.Totals) { got = *totals })
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatal("totals came back otherwise")
	}
	customers, err := json.Marshal(got.Figure("customers").Details(nil))
	if err != nil {
		t.Fatal(err)
	}
	if got.Tables[0].Rest.Count != 200 || len(got.Tables[0].Rows) != measure.MaxRows ||
		!strings.Contains(string(customers), `"exact":false`) {
		t.Fatalf("%d rows, %d in the rest", len(got.Tables[0].Rows), got.Tables[0].Rest.Count)
	}
}

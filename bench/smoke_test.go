package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"ordertally/bench/report"
	"ordertally/bench/stores"
)

// TestRun_MeasuresTheRowsThatNeedNoKafka is short, so its figures say nothing. It shows that the rows work.
func TestRun_MeasuresTheRowsThatNeedNoKafka(t *testing.T) {
	out := filepath.Join(t.TempDir(), "report.json")
	var said strings.Builder
	if err := run(t.Context(), []string{"-rows", "store,size", "-rounds", "2", "-span", "20ms", "-orders", "1000",
		"-dir", t.TempDir(), "-out", out}, &said); err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	whole, err := report.Read(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range whole.Rows {
		if row.Failed != "" || len(row.Figures) == 0 {
			t.Errorf("row %s: %+v", row.Name, row)
		}
		for _, f := range row.Figures {
			if values, _, err := row.Values(f); err != nil || report.Median(values) <= 0 {
				t.Errorf("%s: %v, %v", f.Name, values, err)
			}
		}
	}
}

func TestMeasure_GivesNoFiguresOfABrokenRow(t *testing.T) {
	b := testBench(t)
	row := b.measure(t.Context(), &row{name: "broken", title: "a row that fails",
		run: func(_ context.Context, _ *bench, r *report.Row) error {
			r.Add("Ordertally", "orders/s", 1)
			r.Figures = append(r.Figures, report.Figure{Name: "rate", Series: "Ordertally"})
			return errors.New("an order was answered 500")
		}})
	if row.Failed == "" || len(row.Series) > 0 || len(row.Figures) > 0 {
		t.Errorf("the row has figures: %+v", row)
	}
}

func TestCheckCount_FindsALostOrder(t *testing.T) {
	for _, open := range []opener{openOrdertally, stores.OpenNaive, stores.OpenPebble} {
		store, err := open(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		var numbers stores.Numbers
		if err := stores.Fill(t.Context(), store, &numbers, 10); err != nil {
			t.Fatal(err)
		}
		if err := checkCount(store, 11); err == nil {
			t.Errorf("%T: an order is missing, and nobody says so", store)
		}
	}
}

func TestStores_RefuseARepeatedKey(t *testing.T) {
	for _, open := range []opener{openOrdertally, stores.OpenNaive, stores.OpenPebble} {
		store, err := open(t.Context(), t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		if err := store.Place(t.Context(), 1); err != nil {
			t.Error(err)
		}
		if err := store.Place(t.Context(), 1); err == nil {
			t.Errorf("%T stores an order twice", store)
		}
		if err := checkCount(store, 1); err != nil {
			t.Error(err)
		}
	}
}

func testBench(t *testing.T) *bench {
	t.Helper()
	b, err := newBench(options{rounds: 1}, &strings.Builder{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

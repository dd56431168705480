package ingest

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"ordertally/activity"
	"ordertally/activity/declare"
	"ordertally/shared/event"
	"ordertally/shared/kafka"
)

// TestDimension_TellsWhatSells counts the real orders of three days by the articles of their lines: none is parked, and
// each article has the lines and units that the files have of it.
func TestDimension_TellsWhatSells(t *testing.T) {
	defs, err := declare.Parse("[{name: SOLD, topic: t, type: ORDER_CREATED, time: placed_at, measures: {units: " +
		"sum(lines.quantity)}, dimensions: {sku: lines.sku}}]")
	if err != nil {
		t.Fatal(err)
	}
	orders, lines, units := samples(t)
	var records []kafka.Record
	for i := range orders {
		r := record(0, int64(i), fmt.Sprint(i))
		r.Value = event.Encode(&orders[i])
		records = append(records, r)
	}
	b := newDecoder(&defs[0]).batch(kafka.Fetched{Records: records})
	if len(orders) != 136+143+73 || len(b.Messages) != len(orders) {
		t.Fatalf("%d of %d orders are counted; the first that is parked: %s", len(b.Messages), len(orders),
			b.Parked[0].Poison.Detail)
	}
	quarters := map[activity.Quarter]*activity.Totals{}
	var all activity.Totals
	for i := range b.Messages {
		q := activity.QuarterOf(b.Messages[i].Event.At)
		if quarters[q] == nil {
			quarters[q] = new(activity.Totals)
			quarters[q].Begin(&defs[0])
		}
		quarters[q].Add(&defs[0], &b.Messages[i].Event)
	}
	for _, totals := range quarters {
		all.Merge(totals)
	}
	table := all.Tables[0]
	if len(table.Rows) != len(lines) || table.Rest.Count != 0 {
		t.Errorf("%d articles and a rest of %d, want %d", len(table.Rows), table.Rest.Count, len(lines))
	}
	for _, row := range table.Rows {
		if row.Count != lines[row.Value] || fmt.Sprint(row.Sums[0].Sum) != fmt.Sprint(units[row.Value]) {
			t.Errorf("%s: %d lines, %v, want %d and %d units", row.Value, row.Count, row.Sums, lines[row.Value],
				units[row.Value])
		}
	}
}

// samples reads the orders from the files, and how many lines and units each article has in them.
func samples(t *testing.T) (orders []event.Order, lines, units map[string]int64) {
	t.Helper()
	files, err := filepath.Glob("../../testdata/online-retail/*.csv")
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	lines, units = map[string]int64{}, map[string]int64{}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(file).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
		rejected := map[string]bool{}
		for _, row := range rows[1:] {
			if quantity, err := strconv.Atoi(row[3]); err != nil || quantity < 1 || row[0][0] == 'C' {
				rejected[row[0]] = true
			}
		}
		for _, row := range rows[1:] {
			if rejected[row[0]] {
				continue
			}
			if len(orders) == 0 || orders[len(orders)-1].Reference != row[0] {
				at, err := time.Parse(time.DateTime, row[4])
				if err != nil {
					t.Fatal(err)
				}
				orders = append(orders, event.Order{ID: "o" + row[0], Reference: row[0], Currency: "GBP", PlacedAt: at})
			}
			quantity, err := strconv.ParseInt(row[3], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			order := &orders[len(orders)-1]
			order.Lines = append(order.Lines, event.Line{SKU: row[1], Description: row[2], Quantity: quantity})
			lines[row[1]]++
			units[row[1]] += quantity
		}
	}
	return orders, lines, units
}

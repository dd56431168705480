package ingest

import (
	"testing"
	"time"
	"fmt"
	"path/filepath"
	"ordertally/shared/boltdb"
	"ordertally/shared/broker"
	"ordertally/shared/event"
	"ordertally/shared/clock"
	"ordertally/shared/uuidv7"
	"ordertally/activity/activitystore"
)

func TestZZ(t *testing.T) {
	ids := uuidv7.NewSource(clock.System{}, 0, uuidv7.ID{})
	var recs []broker.Record
	v := event.Encode(&event.Order{Reference: "x", CustomerID: "17850", Currency: "GBP", Total: 5764, PlacedAt: placed, Lines: []event.Line{
				{SKU: "85123A", Description: "WHITE HANGING HEART T-LIGHT HOLDER", Quantity: 6, UnitPrice: 255},
				{SKU: "71053", Description: "WHITE METAL LANTERN", Quantity: 6, UnitPrice: 339},
				{SKU: "84406B", Description: "CREAM CUPID HEARTS COAT HANGER", Quantity: 8, UnitPrice: 275},
			}})
	event.SetID(v, ids.Next())
	for i := range 200000 {
		e := envelope(ids.Next().String())
		e.Lineage, e.Sequence, e.Previous = "L", uint64(i+1), uint64(i)
		e.Subject = ids.Next().String()
		r := record(int32(i%6), int64(i/6), "")
		r.Headers = e.Headers()
		r.Value = v
		recs = append(recs, r)
	}
	d := decoder{def: def}
	var sync, took time.Duration
	db, err := boltdb.Open(filepath.Join(t.TempDir(), "a.db"), boltdb.Options{OnCommit: func(s boltdb.CommitStats) { sync += s.Sync; took += s.Took }})
	if err != nil { t.Fatal(err) }
	store, err := activitystore.Open(t.Context(), db, def, activitystore.Options{})
	if err != nil { t.Fatal(err) }
	var dec, app time.Duration
	for from := 0; from < len(recs); from += 5000 {
		s := time.Now()
		b := d.batch(recs[from:from+5000])
		dec += time.Since(s)
		s = time.Now()
		if _, err := store.Apply(t.Context(), b); err != nil { t.Fatal(err) }
		app += time.Since(s)
	}
	fmt.Println("decode", dec/40, "apply", app/40, "took", took/40, "sync", sync/40)
	db.Close()
}

package activitystore_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"ordertally/activity"
	"ordertally/activity/activitystore"
	"ordertally/activity/activitytest"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
)

// benchOrder is one of many customers, countries and two currencies.
func benchOrder(i int, at time.Time) activitytest.Order {
	currency := "GBP"
	if i%5 == 0 {
		currency = "EUR"
	}
	return activitytest.Order{
		ID: fmt.Sprint(i), Customer: fmt.Sprint(i % 700), Country: fmt.Sprint("country ", i%30), At: at,
		Items: 3, Units: 20, Revenue: int64(i), Currency: currency,
	}
}

// BenchmarkRead reads 400 days that have orders in each quarter hour of six partitions.
//
//	go test -run - -bench BenchmarkRead ./activity/activitystore
func BenchmarkRead(b *testing.B) {
	db, err := boltdb.Open(filepath.Join(b.TempDir(), "activity.db"), boltdb.Options{Format: activitystore.Format})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			b.Error(err)
		}
	}()
	store, err := activitystore.Open(b.Context(), db, activitytest.Orders(), activitystore.Options{
		Clock: clock.NewManual(noon),
	})
	if err != nil {
		b.Fatal(err)
	}
	const days, quarters, each = 400, 96, 5
	for day := range days {
		batch := &activity.Batch{Next: map[int32]activity.Position{}}
		for i := range quarters * each {
			n := day*quarters*each + i
			at := noon.Add(time.Duration(day)*24*time.Hour + time.Duration(i/each)*15*time.Minute)
			batch.Messages = append(batch.Messages, activity.Message{
				ID: fmt.Sprint("message ", n), Partition: int32(n % 6), Event: benchOrder(n, at).Event(),
				Timestamp: noon,
			})
			batch.Next[int32(n%6)] = activity.Position{Offset: int64(n)}
		}
		if _, err := store.Apply(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		var whole activity.Totals
		_, err := store.Read(b.Context(),
			activity.Span{From: activity.QuarterOf(noon), To: activity.QuarterOf(noon) + days*quarters},
			func(_ activity.Quarter, t *activity.Totals) { whole.Merge(t) })
		if err != nil || whole.Count != days*quarters*each {
			b.Fatal(whole.Count, err)
		}
	}
}

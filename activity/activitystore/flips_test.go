package activitystore_test

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ordertally/activity"
	"ordertally/activity/activitystore"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/fliptest"
	"ordertally/shared/clock"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/parked"
)

// manyMessages fill bins, keys, intervals of two lineages, the ledger of parked messages and positions.
func manyMessages(from int) *activity.Batch {
	b := &activity.Batch{Next: map[int32]activity.Position{}}
	for i := range 40 {
		b.Incidents = append(b.Incidents, activity.Incident{Kind: activity.IncidentTruncated, Partition: int32(i % 3),
			Offset: int64(from + i), Text: "Kafka lost the end of a partition"})
	}
	for i := from; i < from+500; i++ {
		partition := int32(i % 3)
		m := message(fmt.Sprintf("message-%06d", i), partition, noon.Add(time.Duration(i)*time.Minute), int64(i))
		m.Lineage, m.Sequence = fmt.Sprint("lineage", i%2), uint64(2*i+1)
		m.Previous = m.Sequence - 1
		if i%10 == 0 {
			m.Previous = m.Sequence - 1
			b.Parked = append(b.Parked, activity.Parked{
				Partition: partition, Offset: int64(i), Timestamp: noon, Value: []byte("{"),
				Headers: []cloudevent.Header{{Key: cloudevent.HeaderID, Value: []byte(fmt.Sprint("id", i))}},
				Poison:  activity.Poison{Reason: "malformed", Detail: "no JSON"},
			})
		}
		b.Messages = append(b.Messages, m)
		b.Next[partition] = activity.Position{Offset: int64(i + 1), LeaderEpoch: 7}
	}
	return b
}

// mergedDays asks for the days of manyMessages.
var mergedDays = activity.Ask{Tables: true, Closed: noon.Add(100 * 24 * time.Hour), Groups: [][]activity.Span{
	{utcDay(noon, 0)}, {utcDay(noon, 96)}, {utcDay(noon, 4)}, {utcDay(noon, 100)}, {utcDay(noon, -8)},
	{utcDay(noon, 88)},
}}

func useStatistics(t *testing.T, path string) (read string, err error) {
	t.Helper()
	db, err := boltdb.Open(path, boltdb.Options{Format: activitystore.Format})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	store, err := activitystore.Open(t.Context(), db, def, activitystore.Options{Clock: clock.NewManual(noon)})
	if err != nil {
		return "", err
	}
	var text strings.Builder
	asOf, err := store.Read(t.Context(), activity.Span{To: math.MaxInt64},
		func(q activity.Quarter, totals *activity.Totals) {
			fmt.Fprintln(&text, q, totals.Count, totals.First, totals.Last, totals.Digest)
			for i, m := range def.Measures {
				fmt.Fprintln(&text, totals.Figures[i].Render(&m), totals.Figures[i].Details(&m))
			}
		})
	if err != nil {
		return text.String(), err
	}
	fmt.Fprintln(&text, asOf.At, asOf.Event, asOf.Next)
	incidents, err := store.Incidents(t.Context(), 1000)
	if err != nil {
		return text.String(), err
	}
	fmt.Fprintln(&text, incidents)
	_, err = store.Merged(t.Context(), mergedDays, func(g activity.Group) error {
		totals, err := g.Load()
		if err == nil {
			fmt.Fprintln(&text, totals.Count, totals.First, totals.Last, totals.Digest, len(totals.Tables))
		}
		return err
	})
	if err != nil {
		return text.String(), err
	}
	for after := ""; ; {
		page, err := store.Ledger(activity.ParkedLedger, nil).List(t.Context(), parked.Filter{}, after, 100)
		if err != nil {
			return text.String(), err
		}
		if page.Corrupt != nil {
			return text.String(), fmt.Errorf("%w: %v", boltdb.ErrCorrupt, page.Corrupt)
		}
		for i := range page.Messages {
			one, _, err := store.Ledger(activity.ParkedLedger, nil).Get(t.Context(), page.Messages[i].ID)
			if err != nil {
				return text.String(), err
			}
			fmt.Fprintln(&text, page.Messages[i].ID, one.MessageID, one.Poison)
			trace, err := store.Trace(t.Context(), activity.MessageID{ID: one.MessageID})
			if err != nil {
				return text.String(), err
			}
			fmt.Fprintln(&text, trace.State)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	for _, from := range []int{250, 100_000} { // half of it is known
		verdicts, err := store.Apply(t.Context(), manyMessages(from))
		if err != nil {
			return text.String(), err
		}
		fmt.Fprintf(&text, "%v\n", verdicts)
	}
	return text.String(), nil
}

// TestStore_NoFlippedBitOfItsStructureIsAWrongAnswer flips bits in page headers, tables of elements, branches, meta
// pages and the list of free pages.
func TestStore_NoFlippedBitOfItsStructureIsAWrongAnswer(t *testing.T) {
	path := filepath.Join(t.TempDir(), "activity.db")
	db, err := boltdb.Open(path, boltdb.Options{Format: activitystore.Format})
	if err != nil {
		t.Fatal(err)
	}
	store, err := activitystore.Open(t.Context(), db, def, activitystore.Options{Clock: clock.NewManual(noon)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (activitystore.Stores{store}).BeginReading(t.Context()); err != nil {
		t.Fatal(err)
	}
	for from := 0; from < 2000; from += 500 {
		if _, err := store.Apply(t.Context(), manyMessages(from)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err = store.Merged(t.Context(), mergedDays, func(activity.Group) error { return nil }); err != nil {
		t.Fatal(err)
	}
	for more := true; more; {
		if more, err = store.MergeAsked(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	fliptest.Run(t, path, 15, activitystore.Check, useStatistics)
}

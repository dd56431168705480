package activitystore_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/activity/activitystore"
	"ordertally/activity/activitytest"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/parked"
)

// utcDay returns the quarter hours of a day that begins at a quarter hour of a UTC day.
func utcDay(day time.Time, begins int) activity.Span {
	from := activity.QuarterOf(day.Truncate(24*time.Hour)) + activity.Quarter(begins)
	return activity.Span{From: from, To: from + 96}
}

// ask asks for days with all they have. It returns the count of each, and how many of them were merged.
func (f *file) ask(spans ...activity.Span) (counts []int64, merged int) {
	f.t.Helper()
	ask := activity.Ask{Tables: true, Closed: f.clock.Now()}
	for _, span := range spans {
		ask.Groups = append(ask.Groups, []activity.Span{span})
	}
	_, err := f.Merged(f.t.Context(), ask, func(g activity.Group) error {
		totals, err := g.Load()
		if err != nil {
			return err
		}
		counts = append(counts, totals.Count)
		return nil
	})
	for _, span := range spans {
		var is bool
		if err == nil {
			is, err = f.IsMerged(f.t.Context(), span)
		}
		if is {
			merged++
		}
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return counts, merged
}

// mergeAsked merges all that was asked for.
func (f *file) mergeAsked() {
	f.t.Helper()
	for more := true; more; {
		var err error
		if more, err = f.MergeAsked(f.t.Context()); err != nil {
			f.t.Fatal(err)
		}
	}
}

// later moves the clock so that the day of noon is over.
func (f *file) later() { f.clock.Advance(48 * time.Hour) }

func TestMerged_IsDroppedByWhatChangesABin(t *testing.T) {
	f := newFile(t)
	day := utcDay(noon, 0)
	f.apply(batch(1, at(message("a", 0, noon, 1), 0, noon)))
	f.later()
	want := int64(1)
	expect := func(what string, merged int) {
		t.Helper()
		if counts, found := f.ask(day); counts[0] != want || found != merged {
			t.Fatalf("%s: %d counted, %d merged; want %d, %d", what, counts[0], found, want, merged)
		}
		f.mergeAsked()
		if counts, found := f.ask(day); counts[0] != want || found != 1 {
			t.Fatalf("%s: %d counted, %d merged", what, counts[0], found)
		}
	}
	expect("the first question", 0)
	expect("no change", 1)
	f.close()
	f.open()
	expect("a restart", 1)
	f.apply(batch(2, at(message("b", 0, noon.Add(72*time.Hour), 1), 1, noon)))
	expect("an event of another day", 1)
	f.apply(batch(3, at(message("c", 0, noon.Add(time.Hour), 1), 2, noon)))
	want++
	expect("a backdated event", 0)
	f.apply(batch(4, at(message("d", 1, day.From.Start(), 1), 3, noon)))
	want++
	expect("an event of the first quarter hour", 0)
	f.apply(batch(5, at(message("e", 1, day.To.Start().Add(-time.Second), 1), 4, noon)))
	want++
	expect("an event of the last quarter hour", 0)
	f.apply(batch(6, at(message("f", 1, day.To.Start(), 1), 5, noon)))
	expect("an event of the next quarter hour", 1)
	f.park(poison(5, activity.ReasonMalformed))
	found := f.list(activity.ParkedLedger, parked.Filter{})
	f.decide(activity.ParkedLedger, parked.Retry, found[0].ID,
		func(p *activity.Parked) (activity.Message, *activity.Poison) {
			return at(message("mended", p.Partition, noon, 1), p.Offset, noon), nil
		})
	want++
	expect("a retry", 0)
	f.sound()
}

// TestMerged_SharesADayOfTwoZones: what one zone asked for serves another with the same offset, and a change drops the
// days of all zones.
func TestMerged_SharesADayOfTwoZones(t *testing.T) {
	f := newFile(t)
	f.apply(batch(1, message("a", 0, noon, 1)))
	f.later()
	spans := []activity.Span{utcDay(noon, 0), utcDay(noon, 4), utcDay(noon, -8), utcDay(noon, 23)}
	f.ask(spans...)
	f.mergeAsked()
	if _, merged := f.ask(spans...); merged != len(spans) {
		t.Fatalf("%d of %d days are merged", merged, len(spans))
	}
	f.apply(batch(2, message("b", 0, noon, 1)))
	if counts, merged := f.ask(spans...); merged != 0 || fmt.Sprint(counts) != "[2 2 2 2]" {
		t.Fatalf("%d are merged, counts %v", merged, counts)
	}
}

// TestMerged_KeepsFewBeginnings asks for days that begin at every quarter hour. What is kept stays bounded. An hour
// later another beginning gets a place.
func TestMerged_KeepsFewBeginnings(t *testing.T) {
	f := newFile(t)
	f.apply(batch(1, message("a", 0, noon, 1)))
	f.later()
	var spans []activity.Span
	for begins := range 96 {
		spans = append(spans, utcDay(noon, begins-60))
	}
	for range 2 {
		f.ask(spans...)
		f.mergeAsked()
	}
	counts, merged := f.ask(spans...)
	for i, span := range spans {
		if inside := span.From <= activity.QuarterOf(noon) &&
			activity.QuarterOf(noon) < span.To; inside != (counts[i] == 1) {
			t.Errorf("day %d has %d", i, counts[i])
		}
	}
	empty := 0
	for _, n := range counts {
		if n == 0 {
			empty++
		}
	}
	if merged-empty != 24 {
		t.Errorf("%d days are merged, want 24", merged-empty)
	}
	var missing activity.Span
	for _, span := range spans {
		if _, merged := f.ask(span); merged == 0 {
			missing = span
		}
	}
	f.mergeAsked() // of what has no place
	f.clock.Advance(2 * time.Hour)
	f.ask(missing)
	f.mergeAsked()
	if _, merged := f.ask(missing); merged != 1 {
		t.Error("another beginning got no place")
	}
	if _, merged := f.ask(spans...); merged-empty != 24 {
		t.Errorf("%d days are merged, want 24", merged-empty)
	}
	f.sound()
}

// TestMerged_StaleOrDamagedIsFound changes a bin behind the store's back, and damages a merged day. The check finds
// both. A damaged one is read from bins.
func TestMerged_StaleOrDamagedIsFound(t *testing.T) {
	for name, harm := range map[string]func(root *bbolt.Bucket) error{
		"not what its quarter hours add up to": func(root *bbolt.Bucket) error {
			key, _ := root.Bucket([]byte("bins")).Cursor().First()
			return root.Bucket([]byte("bins")).Delete(key)
		},
		"corrupt": func(root *bbolt.Bucket) error {
			merged := root.Bucket([]byte("merged"))
			key, value := merged.Cursor().First()
			damaged := append([]byte(nil), value...)
			damaged[len(damaged)-1] ^= 1
			return merged.Put(append([]byte(nil), key...), damaged)
		},
		"form": func(root *bbolt.Bucket) error {
			return root.Bucket([]byte("merged")).Put([]byte("no day"), []byte("nothing"))
		},
	} {
		f := newFile(t)
		f.apply(batch(1, message("a", 0, noon, 1), message("b", 0, noon.Add(time.Hour), 1)))
		f.later()
		f.ask(utcDay(noon, 0))
		f.mergeAsked()
		f.close()
		f.raw(func(tx *bbolt.Tx) error { return harm(tx.Bucket([]byte(def.Name))) })
		checked, err := boltdb.CheckFile(t.Context(), f.path, activitystore.Check)
		if err != nil || len(checked.Faults) == 0 || !strings.Contains(strings.Join(checked.Faults, ""), name) {
			t.Errorf("%s: the check found %q, %v", name, checked.Faults, err)
		}
		f.open()
		if counts, _ := f.ask(utcDay(noon, 0)); counts[0] != 2 && !strings.Contains(name, "add up") {
			t.Errorf("%s: counted %v", name, counts)
		}
	}
}

// TestMerged_LongTablesAreNotKept counts a day with more values of a dimension than a merged day may have.
func TestMerged_LongTablesAreNotKept(t *testing.T) {
	f := newFile(t)
	b := &activity.Batch{Next: map[int32]activity.Position{0: {Offset: 1}}}
	for i := range 3000 {
		o := activitytest.Order{ID: fmt.Sprint(i), Customer: "c", Currency: "GBP", Items: 1, Revenue: 1,
			Country: fmt.Sprintf("%0100d", i), At: noon.Add(time.Duration(i%40) * 15 * time.Minute)}
		b.Messages = append(b.Messages, activity.Message{ID: o.ID, Partition: 0, Event: o.Event()})
	}
	f.apply(b)
	f.later()
	for range 3 {
		if counts, merged := f.ask(utcDay(noon, 0)); counts[0] != 3000 || merged != 0 {
			t.Fatalf("%v, %d merged", counts, merged)
		}
		f.mergeAsked()
	}
	f.sound()
}

// TestMerged_ASwapDropsAll swaps in a rebuild that has other figures.
func TestMerged_ASwapDropsAll(t *testing.T) {
	f := newFile(t)
	f.apply(batch(1, at(message("a", 0, noon, 1), 0, noon)))
	f.later()
	f.ask(utcDay(noon, 0))
	f.mergeAsked()
	again := f.rebuild()
	f.again(again, batch(1, at(message("a", 0, noon.Add(24*time.Hour), 1), 0, noon)))
	if counts, merged := f.ask(utcDay(noon, 0)); counts[0] != 1 || merged != 1 {
		t.Fatal("the rebuild has changed merged days")
	}
	f.swap(again)
	if counts, _ := f.ask(utcDay(noon, 0)); counts[0] != 0 {
		t.Fatalf("counted %v after the swap", counts)
	}
	f.sound()
}

// TestMerged_MissesNoChangeWhileItMerges counts events of one day, and asks for it, while the day is merged again and
// again.
func TestMerged_MissesNoChangeWhileItMerges(t *testing.T) {
	f := newFile(t)
	f.later()
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.KeepMerged(ctx) }()
	for i := range int64(100) {
		f.apply(batch(i+1, message(fmt.Sprint(i), 0, noon.Add(time.Duration(i)*time.Minute), 1)))
		for range 2 {
			if counts, _ := f.ask(utcDay(noon, 0)); counts[0] != i+1 {
				t.Errorf("%d are counted, want %d", counts[0], i+1)
			}
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestMerged_FillsWhatADeadKeeperLeft leaves the record of a keeper that died.
func TestMerged_FillsWhatADeadKeeperLeft(t *testing.T) {
	f := newFile(t)
	f.apply(batch(1, message("a", 0, noon, 1)))
	f.later()
	f.ask(utcDay(noon, 0))
	f.mergeAsked()
	f.close()
	f.raw(func(tx *bbolt.Tx) error {
		merged := tx.Bucket([]byte(def.Name)).Bucket([]byte("merged"))
		key, _ := merged.Cursor().First()
		empty := codec.NewRecord(1, 8)
		empty.Byte(0)
		empty.Uint(7)
		return merged.Put(bytes.Clone(key), empty.Seal(key))
	})
	f.open()
	for _, want := range []int{0, 1} {
		if counts, merged := f.ask(utcDay(noon, 0)); counts[0] != 1 || merged != want {
			t.Errorf("%v, %d merged, want %d", counts, merged, want)
		}
		f.mergeAsked()
	}
	f.sound()
}

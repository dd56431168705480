package activitystore_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"go.uber.org/goleak"

	"ordertally/activity"
	"ordertally/activity/activitystore"
	"ordertally/activity/activitytest"
	"ordertally/activity/measure"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/parked"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	def  = activitytest.Orders()
	noon = time.Date(2025, 11, 24, 12, 0, 0, 0, time.UTC)
)

// file is a database that a test opens, closes and damages.
type file struct {
	t    *testing.T
	path string
	db   *boltdb.DB
	*activitystore.Store
	clock   *clock.Manual
	options activitystore.Options
}

func newFile(t *testing.T) *file {
	t.Helper()
	f := &file{t: t, path: filepath.Join(t.TempDir(), "activity.db"), clock: clock.NewManual(noon)}
	f.open()
	t.Cleanup(func() {
		f.close()
		f.raw(func(tx *bbolt.Tx) error {
			for err := range tx.Check() {
				t.Error(err)
			}
			return nil
		})
	})
	return f
}

func (f *file) open() {
	f.t.Helper()
	db, err := boltdb.Open(f.path, boltdb.Options{Format: activitystore.Format})
	if err != nil {
		f.t.Fatal(err)
	}
	f.db = db
	f.options.Clock = f.clock
	if f.Store, err = activitystore.Open(f.t.Context(), db, def, f.options); err != nil {
		f.t.Fatal(err)
	}
}

// limits opens the file anew with those of the ledgers.
func (f *file) limits(bytes int64, retention time.Duration) {
	f.t.Helper()
	f.close()
	f.options.LedgerBytes, f.options.LedgerRetention = bytes, retention
	f.open()
}

// refusesToOpen opens a file that is not to be read.
func (f *file) refusesToOpen(want error) {
	f.t.Helper()
	db, err := boltdb.Open(f.path, boltdb.Options{Format: activitystore.Format})
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err = activitystore.Open(f.t.Context(), db, def, activitystore.Options{}); !errors.Is(err, want) {
		f.t.Errorf("opened: %v, want %v", err, want)
	}
	if err := db.Close(); err != nil {
		f.t.Fatal(err)
	}
}

func (f *file) close() {
	if err := f.db.Close(); err != nil {
		f.t.Error(err)
	}
}

// raw writes the closed file, past everything that protects it.
func (f *file) raw(fn func(tx *bbolt.Tx) error) {
	f.t.Helper()
	db, err := bbolt.Open(f.path, 0o600, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	if err := errors.Join(db.Update(fn), db.Close()); err != nil {
		f.t.Fatal(err)
	}
}

// apply applies a batch and returns which messages were counted.
func (f *file) apply(b *activity.Batch) []bool {
	f.t.Helper()
	verdicts, err := f.Apply(f.t.Context(), b)
	if err != nil {
		f.t.Fatal(err)
	}
	counted := make([]bool, len(verdicts))
	for i, verdict := range verdicts {
		counted[i] = verdict.Counts()
	}
	return counted
}

func (f *file) sizes() activity.Ledgers {
	f.t.Helper()
	sizes, err := f.Ledgers(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return sizes
}

// bins reads all statistics, partitions merged.
func (f *file) bins() map[activity.Quarter]activity.Totals {
	f.t.Helper()
	bins := make(map[activity.Quarter]activity.Totals)
	_, err := f.Read(f.t.Context(), activity.Span{From: 0, To: math.MaxInt64},
		func(q activity.Quarter, t *activity.Totals) {
			merged := bins[q]
			merged.Merge(t)
			bins[q] = merged
		})
	if err != nil {
		f.t.Fatal(err)
	}
	return bins
}

func order(id string, at time.Time, revenue int64) activitytest.Order {
	return activitytest.Order{ID: id, At: at, Items: 2, Units: 5, Currency: "GBP", Revenue: revenue, Customer: "c" + id,
		Country: "France"}
}

func message(id string, partition int32, at time.Time, revenue int64) activity.Message {
	return activity.Message{ID: id, Partition: partition, Event: order(id, at, revenue).Event()}
}

func batch(next int64, messages ...activity.Message) *activity.Batch {
	b := &activity.Batch{Messages: messages, Next: map[int32]activity.Position{}}
	for _, m := range messages {
		b.Next[m.Partition] = activity.Position{Offset: next, LeaderEpoch: 7}
	}
	return b
}

func TestStore_KeepsWhatItCounted(t *testing.T) {
	f := newFile(t)
	b := batch(10,
		message("a", 0, noon, 100), message("b", 3, noon.Add(14*time.Minute), 20),
		message("c", 3, noon.Add(15*time.Minute), 3))
	euro := order("c", noon.Add(15*time.Minute), 3)
	euro.Currency = "EUR"
	b.Messages[2].Event = euro.Event()
	if counted := f.apply(b); !slices.Equal(counted, []bool{true, true, true}) {
		t.Fatalf("counted %v", counted)
	}
	f.close()
	f.open()
	q := activity.QuarterOf(noon)
	first := activitytest.Totals(order("a", noon, 100), order("b", noon.Add(14*time.Minute), 20))
	second := activitytest.Totals(euro)
	first.Minutes, second.Minutes = nil, nil // bins merges
	first.Changed = activity.Changed{At: noon, Next: map[int32]int64{0: 1, 3: 1}}
	second.Changed = activity.Changed{At: noon, Next: map[int32]int64{3: 1}}
	want := map[activity.Quarter]activity.Totals{q: first, q + 1: second}
	if got := f.bins(); !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
	asOf, err := f.AsOf(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	wantAsOf := activity.AsOf{At: noon, Event: noon.Add(15 * time.Minute),
		Next: map[int32]activity.Position{0: {Offset: 10, LeaderEpoch: 7, Furthest: 10},
			3: {Offset: 10, LeaderEpoch: 7, Furthest: 10}}}
	if !reflect.DeepEqual(asOf, wantAsOf) {
		t.Fatalf("got  %v\nwant %v", asOf, wantAsOf)
	}
}

// TestBins_KnowTheFirstSecondOfAll: 1970-01-01T00:00:00Z is a time, though it is zero in Unix time.
func TestBins_KnowTheFirstSecondOfAll(t *testing.T) {
	epoch := time.Unix(0, 0).UTC()
	for name, times := range map[string][]time.Time{
		"alone": {epoch}, "before others": {epoch, epoch.Add(time.Minute)},
		"after others":       {epoch.Add(time.Minute), epoch},
		"a nanosecond later": {epoch.Add(1)}, "a second later": {epoch.Add(time.Second)}, "several": {epoch, epoch},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFile(t)
			var messages []activity.Message
			for i, at := range times {
				messages = append(messages, message(fmt.Sprint(i), 0, at, 1))
			}
			f.apply(batch(10, messages...))
			got := f.bins()[activity.QuarterOf(epoch)]
			if first, last := slices.MinFunc(times, time.Time.Compare),
				slices.MaxFunc(times, time.Time.Compare); !got.First.Equal(first) || !got.Last.Equal(last) {
				t.Errorf("from %s to %s, want %s to %s", got.First, got.Last, first, last)
			}
			if asOf, err := f.AsOf(t.Context()); err != nil ||
				!asOf.Event.Equal(slices.MaxFunc(times, time.Time.Compare)) {
				t.Errorf("the latest event is of %s, %v", asOf.Event, err)
			}
		})
	}
}

func TestRead_HasTheSpanThatWasAskedFor(t *testing.T) {
	f := newFile(t)
	var messages []activity.Message
	for i := range 10 {
		messages = append(messages, message(fmt.Sprint(i), int32(i%3), noon.Add(time.Duration(i)*15*time.Minute), 1))
	}
	f.apply(batch(10, messages...))
	q := activity.QuarterOf(noon)
	for _, c := range []struct {
		span activity.Span
		want int
	}{{activity.Span{From: q, To: q + 10}, 10}, {activity.Span{From: q + 3, To: q + 5}, 2}, {activity.Span{}, 0},
		{activity.Span{From: -50, To: q + 1}, 1}, {activity.Span{From: -50, To: -3}, 0},
		{activity.Span{From: q + 9, To: math.MaxInt64}, 1}} {
		got := 0
		_, err := f.Read(t.Context(), c.span, func(at activity.Quarter, _ *activity.Totals) {
			got++
			if at < c.span.From || at >= c.span.To {
				t.Errorf("%v: %d is not in it", c.span, at)
			}
		})
		if err != nil || got != c.want {
			t.Errorf("%v: %d bins (%v), want %d", c.span, got, err, c.want)
		}
	}
}

// TestApply_TheSameBatchTwiceCountsOnce is a crash after the commit, before anybody heard of it.
func TestApply_TheSameBatchTwiceCountsOnce(t *testing.T) {
	f := newFile(t)
	b := batch(3, message("a", 0, noon, 1), message("b", 1, noon, 2), message("a", 0, noon, 1))
	b.Parked = []activity.Parked{{Partition: 1, Offset: 2, Value: []byte("{"),
		Poison: activity.Poison{Reason: activity.ReasonMalformed}}}
	if counted := f.apply(b); !slices.Equal(counted, []bool{true, true, false}) {
		t.Fatalf("counted %v", counted)
	}
	before := f.bins()
	f.clock.Advance(time.Hour)
	if counted := f.apply(b); !slices.Equal(counted, []bool{false, false, false}) {
		t.Fatalf("counted again: %v", counted)
	}
	if got := f.bins(); !reflect.DeepEqual(got, before) {
		t.Fatalf("got  %v\nwant %v", got, before)
	}
	if parked := f.sizes().Sizes[activity.ParkedLedger].Messages; parked != 1 {
		t.Fatalf("%d are parked, want 1", parked)
	}
}

func TestApply_ParksEverythingThatWasRead(t *testing.T) {
	f := newFile(t)
	poison := activity.Parked{
		Partition: 4, Offset: 17, LeaderEpoch: 2, Timestamp: noon, Key: []byte{0xff}, Value: []byte("\x00\xffno json"),
		Headers: []cloudevent.Header{{Key: "ce_id", Value: []byte("x")}, {Key: "ce_id", Value: nil}},
		Poison:  activity.Poison{Reason: activity.ReasonMalformed, Detail: "why"},
	}
	elsewhere := poison // the topic was made anew and another message stands at the offset
	elsewhere.Value = nil
	elsewhere.Poison.Reason = activity.ReasonTombstone
	f.apply(&activity.Batch{Parked: []activity.Parked{poison},
		Next: map[int32]activity.Position{4: {Offset: 18, LeaderEpoch: 2}}})
	f.apply(&activity.Batch{Parked: []activity.Parked{elsewhere, poison}})
	if parked := f.sizes().Sizes[activity.ParkedLedger].Messages; parked != 2 {
		t.Fatalf("%d are parked, want 2", parked)
	}
	asOf, err := f.AsOf(t.Context())
	if err != nil || asOf.Next[4].Offset != 18 {
		t.Fatalf("the position is %v (%v), want one past the poison", asOf.Next, err)
	}
	f.close()
	f.open()
	var got []activity.Parked
	for _, kept := range f.list(activity.ParkedLedger, parked.Filter{}) {
		got = append(got, kept.Parked)
		if !kept.At.Equal(noon) || kept.MessageID != "x" {
			t.Errorf("kept %+v", kept)
		}
	}
	slices.SortFunc(got, func(a, b activity.Parked) int { return len(b.Value) - len(a.Value) })
	if want := []activity.Parked{poison, elsewhere}; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestApply_ABatchThatFailsChangesNothing(t *testing.T) {
	f := newFile(t)
	f.apply(batch(1, message("a", 0, noon, 1)))
	before := f.bins()
	bad := batch(9, message("b", 0, noon, 1), message(strings.Repeat("x", 300), 0, noon, 1))
	if _, err := f.Apply(t.Context(), bad); err == nil {
		t.Fatal("a batch with an id that is too long was applied")
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.Apply(cancelled, batch(9, message("c", 0, noon, 1))); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v", err)
	}
	asOf, err := f.AsOf(t.Context())
	if err != nil || asOf.Next[0].Offset != 1 || !reflect.DeepEqual(f.bins(), before) {
		t.Fatalf("it moved to %v (%v), %v", asOf, err, f.bins())
	}
	if counted := f.apply(batch(2, message("b", 0, noon, 1))); !counted[0] {
		t.Fatal("the failed batch left a key")
	}
}

func TestStore_TotalsOfAnySize(t *testing.T) {
	f := newFile(t)
	for i := range 3 {
		huge := order(fmt.Sprint(i), noon, math.MaxInt64)
		huge.Units = math.MaxInt64
		m := activity.Message{ID: huge.ID, Event: huge.Event()}
		f.apply(batch(int64(i+1), m))
	}
	most := measure.SumOf(math.MaxInt64)
	want := most.Plus(most).Plus(most)
	got := f.bins()[activity.QuarterOf(noon)]
	if activitytest.Sum(&got, "units", "") != want || activitytest.Sum(&got, "revenue", "GBP") != want {
		t.Fatalf("got %+v, want %s", got, want)
	}
}

// TestStore_SeesFlippedBits flips a bit of every kind of record and reads all that there is.
func TestStore_SeesFlippedBits(t *testing.T) {
	f := newFile(t)
	b := batch(5, message("a", 0, noon, 1234567))
	b.Messages[0].Lineage, b.Messages[0].Sequence = "L", 1
	f.apply(b)
	f.close()
	defer f.open()
	type record struct{ path, key, value string }
	var records []record
	f.raw(func(tx *bbolt.Tx) error {
		var walk func(path string, bucket *bbolt.Bucket) error
		walk = func(path string, bucket *bbolt.Bucket) error {
			return bucket.ForEach(func(k, v []byte) error {
				if v == nil {
					return walk(path+"|"+string(k), bucket.Bucket(k))
				}
				records = append(records, record{path, string(k), string(v)})
				return nil
			})
		}
		return walk(def.Name, tx.Bucket([]byte(def.Name)))
	})
	// Bin, key, its day's size, lineage, the number of lineages, slot, position, state, what is declared, names.
	if len(records) != 10 {
		t.Fatalf("%d records, want 10", len(records))
	}
	put := func(r record, value []byte) {
		f.raw(func(tx *bbolt.Tx) error {
			var bucket *bbolt.Bucket
			for i, name := range strings.Split(r.path, "|") {
				if i == 0 {
					bucket = tx.Bucket([]byte(name))
				} else {
					bucket = bucket.Bucket([]byte(name))
				}
			}
			return bucket.Put([]byte(r.key), value)
		})
	}
	for _, r := range records {
		for _, at := range []int{0, len(r.value) - 1} {
			value := []byte(r.value)
			value[at] ^= 0x10
			put(r, value)
			if r.key == "declared" || r.key == "names" {
				f.refusesToOpen(boltdb.ErrCorrupt)
				put(r, []byte(r.value))
				continue
			}
			f.open()
			_, readErr := f.Read(t.Context(), activity.Span{To: math.MaxInt64},
				func(activity.Quarter, *activity.Totals) {})
			_, applyErr := f.Apply(t.Context(), b)
			_, sizesErr := f.Ledgers(t.Context())
			if !errors.Is(readErr, boltdb.ErrCorrupt) && !errors.Is(applyErr, boltdb.ErrCorrupt) &&
				!errors.Is(sizesErr, boltdb.ErrCorrupt) {
				t.Errorf("%s: byte %d flipped: read %v, apply %v, sizes %v", r.path, at, readErr, applyErr, sizesErr)
			}
			f.close()
			put(r, []byte(r.value))
		}
	}
}

// TestRead_SeesWholeBatches reads while batches are applied: count, positions and time are always of one moment.
func TestRead_SeesWholeBatches(t *testing.T) {
	f := newFile(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range int64(40) {
			var messages []activity.Message
			for j := range 10 {
				messages = append(messages,
					message(fmt.Sprint(i, "-", j), int32(j), noon.Add(time.Duration(j)*time.Hour), 1))
			}
			if _, err := f.Apply(t.Context(), batch(i+1, messages...)); err != nil {
				t.Error(err)
			}
		}
	}()
	for reading := true; reading; {
		select {
		case <-done:
			reading = false
		default:
		}
		var count int64
		asOf, err := f.Read(t.Context(), activity.Span{To: math.MaxInt64},
			func(_ activity.Quarter, t *activity.Totals) { count += t.Count })
		if err != nil {
			t.Fatal(err)
		}
		var offsets int64
		for p := range maps.Values(asOf.Next) {
			offsets += p.Offset
		}
		if count != offsets {
			t.Fatalf("%d counted at offsets that say %d", count, offsets)
		}
	}
}

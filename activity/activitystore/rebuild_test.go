package activitystore_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"ordertally/activity"
	"ordertally/activity/activitystore"
	"ordertally/shared/boltdb"
	"ordertally/shared/parked"
)

// at gives a message its place in the topic, and the time at which it was written.
func at(m activity.Message, offset int64, written time.Time) activity.Message {
	m.Offset, m.Timestamp = offset, written
	m.Raw = &activity.Parked{Partition: m.Partition, Offset: offset, LeaderEpoch: -1, Timestamp: written}
	return m
}

func (f *file) rebuild() *activitystore.Rebuild {
	f.t.Helper()
	r, err := f.BeginRebuild(f.t.Context(), parked.Decision{By: "key:ops"})
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

func (f *file) again(r *activitystore.Rebuild, b *activity.Batch) {
	f.t.Helper()
	if _, err := r.Apply(f.t.Context(), b); err != nil {
		f.t.Fatal(err)
	}
}

func (f *file) swap(r *activitystore.Rebuild) time.Time {
	f.t.Helper()
	plan, err := r.PlanSwap(f.t.Context(), mended(""))
	if err != nil {
		f.t.Fatal(err)
	}
	since, err := r.Swap(f.t.Context(), plan, parked.Decision{Verb: parked.Swap, Reason: "a test", By: "key:ops"})
	if err != nil {
		f.t.Fatal(err)
	}
	return since
}

// sound checks every record of the file, also once nothing is left of what was replaced.
func (f *file) sound() {
	f.t.Helper()
	for range 2 {
		f.close()
		checked, err := boltdb.CheckFile(f.t.Context(), f.path, activitystore.Check)
		if err != nil || len(checked.Faults) > 0 {
			f.t.Errorf("the check found %v, %v", checked.Faults, err)
		}
		f.open()
		for more := true; more; {
			if more, err = f.DropReplaced(f.t.Context()); err != nil {
				f.t.Fatal(err)
			}
		}
	}
}

func (f *file) count() (n int64) {
	for _, totals := range f.bins() {
		n += totals.Count
	}
	return n
}

func TestSwap_ReplacesFiguresIdsAndLedgers(t *testing.T) {
	f := newFile(t)
	a, b, c := at(message("a", 0, noon, 100), 0, noon), at(message("b", 0, noon, 20), 1, noon),
		at(message("c", 0, noon.Add(time.Hour), 3), 2, noon)
	f.apply(batch(2, a, at(message("forged", 0, noon.Add(2*time.Hour), 1), 1, noon)))
	f.park(poison(7, activity.ReasonMalformed))
	r := f.rebuild()
	f.again(r, batch(2, a, b))
	f.again(r, &activity.Batch{Next: map[int32]activity.Position{1: {}}})
	f.sound()
	r, err := f.Rebuild(t.Context())
	if err != nil || r.Begun.By != "key:ops" {
		t.Fatalf("the rebuild is %+v, %v", r, err)
	}
	if since := f.swap(r); !since.IsZero() {
		t.Errorf("since %s", since)
	}
	f.sound()
	bins := f.bins()
	if f.count() != 2 || len(bins) != 1 || bins[activity.QuarterOf(noon)].Count != 2 {
		t.Errorf("counted %+v", bins)
	}
	if left := f.list(activity.ParkedLedger, parked.Filter{}); len(left) != 0 {
		t.Errorf("parked: %+v", left)
	}
	if counted := f.apply(batch(3, a, b, c)); !slices.Equal(counted, []bool{false, false, true}) {
		t.Errorf("counted %v", counted)
	}
	if _, err := f.Rebuild(t.Context()); !errors.Is(err, activitystore.ErrNoRebuild) {
		t.Errorf("there is a rebuild: %v", err)
	}
	audit, err := f.Ledger(activity.ParkedLedger, nil).Audit(t.Context(), 9)
	if err != nil || len(audit) != 2 || audit[0].Verb != parked.Swap || audit[0].By != "key:ops" ||
		audit[1].Verb != parked.Rebuild {
		t.Errorf("audit %+v, %v", audit, err)
	}
}

func TestSwap_RefusesARebuildThatStandsElsewhere(t *testing.T) {
	f := newFile(t)
	a, b := at(message("a", 0, noon, 100), 0, noon), at(message("b", 0, noon, 20), 1, noon)
	f.apply(batch(2, a, b))
	r := f.rebuild()
	f.again(r, batch(1, a))
	plan, err := r.PlanSwap(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Swap(t.Context(), plan, parked.Decision{}); !errors.Is(err, activitystore.ErrNotLevel) {
		t.Fatalf("swapped: %v", err)
	}
	if f.count() != 2 {
		t.Errorf("%d are counted", f.count())
	}
	f.again(r, batch(2, b))
	f.swap(r)
	f.sound()
	if f.count() != 2 {
		t.Errorf("%d are counted after the swap", f.count())
	}
}

// TestSwap_KeepsWhatTheTopicHasForgotten: the topic has lost offsets 0 and 1 of partition 0, and 0 of partition 1.
func TestSwap_KeepsWhatTheTopicHasForgotten(t *testing.T) {
	f := newFile(t)
	early := noon.Add(-48 * time.Hour)
	backdated := early.Add(-time.Hour)
	a, b := at(message("a", 0, early, 100), 0, early), at(message("b", 0, early, 20), 1, early)
	c := at(message("c", 0, noon, 3), 2, noon)
	late := at(message("d", 0, backdated, 7), 3, noon) // of an early day, and in the topic
	e := at(message("e", 0, early, 9), 4, noon)        // of a quarter hour that the topic has forgotten otherwise
	f.apply(batch(1, a))
	f.clock.Advance(24 * time.Hour) // the rebuild has this day of arrival, and not the one before
	f.apply(batch(2, b))
	f.park(poison(0, activity.ReasonMalformed), poison(9, activity.ReasonMalformed))
	f.apply(batch(5, c, late, e))
	r := f.rebuild()
	again := batch(5, c, late, e)
	again.Forgotten = map[int32]int64{0: 2, 1: 1}
	f.again(r, again)
	f.again(r, &activity.Batch{Parked: []activity.Parked{poison(9, activity.ReasonMalformed)}})
	asOf, err := r.AsOf(t.Context())
	if err != nil || !asOf.Since.Equal(noon) {
		t.Fatalf("the rebuild is whole since %s, %v", asOf.Since, err)
	}
	if since := f.swap(r); !since.Equal(noon) {
		t.Errorf("since %s", since)
	}
	f.sound()
	bins := f.bins()
	if f.count() != 5 || bins[activity.QuarterOf(early)].Count != 3 || bins[activity.QuarterOf(backdated)].Count != 1 {
		t.Errorf("counted %+v", bins)
	}
	if counted := f.apply(batch(5, a, b, c, late, e)); slices.Contains(counted, true) {
		t.Errorf("counted again: %v", counted)
	}
	if left := f.list(activity.ParkedLedger, parked.Filter{}); len(left) != 2 {
		t.Errorf("parked: %+v", left)
	}
	if asOf, err := f.AsOf(t.Context()); err != nil || !asOf.Since.IsZero() {
		t.Errorf("the figures are whole since %s, %v", asOf.Since, err)
	}
}

func TestSwap_DecidesAgainAsOperatorsDid(t *testing.T) {
	f := newFile(t)
	all := []activity.Parked{poison(0, activity.ReasonMalformed), poison(1, activity.ReasonMalformed),
		poison(2, activity.ReasonMalformed)}
	f.park(all...)
	kept := f.list(activity.ParkedLedger, parked.Filter{})
	f.decide(activity.ParkedLedger, parked.Discard, kept[0].ID, nil)
	r := f.rebuild()
	f.again(r, &activity.Batch{Parked: all})
	plan, err := r.PlanSwap(t.Context(), mended(""))
	if err != nil {
		t.Fatal(err)
	}
	f.decide(activity.ParkedLedger, parked.Retry, kept[1].ID, mended(""))
	if _, err := r.Swap(t.Context(), plan, parked.Decision{}); !activitystore.Decided(err) {
		t.Fatalf("swapped past a decision: %v", err)
	}
	f.swap(r)
	f.sound()
	if left := f.list(activity.ParkedLedger, parked.Filter{}); len(left) != 1 || left[0].ID != kept[2].ID {
		t.Errorf("parked: %+v", left)
	}
	if f.count() != 1 || f.sizes().Sizes[activity.ParkedLedger].Messages != 1 {
		t.Errorf("%d are counted, sizes %+v", f.count(), f.sizes())
	}
}

func TestRebuild_BeginsAnewUnderAnotherDeclaration(t *testing.T) {
	f := newFile(t)
	a := at(message("a", 0, noon, 100), 0, noon)
	f.apply(batch(1, a))
	f.again(f.rebuild(), batch(1, a))
	other := def
	other.Dimensions = nil
	store, err := activitystore.Open(t.Context(), f.db, other, f.options)
	if err != nil {
		t.Fatal(err)
	}
	r, err := store.Rebuild(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if asOf, err := r.AsOf(t.Context()); err != nil || len(asOf.Next) != 0 {
		t.Errorf("it stands at %v, %v", asOf.Next, err)
	}
	f.sound()
}

func TestDiscardRebuild_LeavesTheFigures(t *testing.T) {
	f := newFile(t)
	a := at(message("a", 0, noon, 100), 0, noon)
	f.apply(batch(1, a))
	f.again(f.rebuild(), batch(1, a))
	if err := f.DiscardRebuild(t.Context(), parked.Decision{Reason: "a test"}); err != nil {
		t.Fatal(err)
	}
	f.sound()
	if f.count() != 1 {
		t.Errorf("%d are counted", f.count())
	}
	if err := f.DiscardRebuild(t.Context(), parked.Decision{}); !errors.Is(err, activitystore.ErrNoRebuild) {
		t.Errorf("discarded twice: %v", err)
	}
}

package activitystore_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"ordertally/activity"
	"ordertally/activity/activitystore"
	"ordertally/shared/parked"
)

func (f *file) begin() activity.Suspicion {
	f.t.Helper()
	found, err := f.alone().BeginReading(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return found
}

// alone returns the store as one that no other is counted together with.
func (f *file) alone() activitystore.Stores { return activitystore.Stores{f.Store} }

// note fails the test when a note cannot be stored.
func (f *file) note(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// TestReading_SuspectsRunsThatDoNotEndInOrder one after the other, until one ends in order or has read all.
func TestReading_SuspectsRunsThatDoNotEndInOrder(t *testing.T) {
	f := newFile(t)
	died := func(want int, moved ...int32) {
		t.Helper()
		f.close()
		f.open()
		if found := f.begin(); found.Deaths != want || !slices.Equal(slices.Sorted(maps.Keys(found.Moved)), moved) {
			t.Errorf("found %+v, want %d deaths, moved %v", found, want, moved)
		}
	}
	died(0)
	f.apply(batch(10, message("a", 0, noon, 1), message("b", 3, noon, 1)))
	died(1, 0, 3)
	died(2)
	f.apply(&activity.Batch{Next: map[int32]activity.Position{3: {Offset: 11}}})
	died(3, 3)
	f.note(f.alone().ReadingWell(t.Context(), true))
	died(1)
	f.note(f.alone().ReadingWell(t.Context(), false)) // not all was read: one more is enough
	died(2)
	f.note(f.alone().EndReading(t.Context()))
	died(0)
}

// TestReading_KnowsThePlaceAndHowOftenItDied of a run that reads batch by batch.
func TestReading_KnowsThePlaceAndHowOftenItDied(t *testing.T) {
	f := newFile(t)
	f.begin()
	f.apply(batch(10, message("a", 3, noon, 1)))
	for times := 1; times <= 3; times++ {
		f.note(f.alone().ReadingAt(t.Context(), 0, 7))
		f.note(f.alone().ReadingAt(t.Context(), 3, 10))
		f.close()
		f.open()
		found := f.begin()
		if found.Suspect == nil || *found.Suspect != (activity.Suspect{Partition: 3, Offset: 10, Deaths: times}) ||
			found.Moved[3] {
			t.Errorf("found %+v", found)
		}
	}
	f.note(f.alone().EndReading(t.Context()))
	if found := f.begin(); found.Suspect != nil {
		t.Errorf("after an orderly end: %+v", found)
	}
}

func (f *file) skip(partition int32, from, to int64) ([]string, error) {
	return activitystore.Skip(f.t.Context(), f.db, activity.Skip{
		Topic: def.Topic, Partition: partition, From: from, To: to, Reason: "it expands", By: "me",
	}, activitystore.Options{Clock: f.clock})
}

func (f *file) next(partition int32) activity.Position {
	f.t.Helper()
	asOf, err := f.AsOf(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return asOf.Next[partition]
}

// TestSkip_MovesPastTheNextRecordOnly and keeps its place and who did it, and why.
func TestSkip_MovesPastTheNextRecordOnly(t *testing.T) {
	f := newFile(t)
	b := batch(10, message("a", 3, noon, 1))
	b.Next = map[int32]activity.Position{
		3: {Offset: 10, LeaderEpoch: 7, TopicID: "t", Checkpoints: []activity.Checkpoint{{Offset: 9, Identity: "i"}}}}
	f.apply(b)
	f.begin()
	f.note(f.alone().ReadingAt(t.Context(), 3, 10))
	for _, wrong := range [][2]int64{{9, 9}, {11, 11}, {0, 10}, {10, 9}, {-1, 10}} {
		if names, err := f.skip(3, wrong[0], wrong[1]); err == nil || names != nil || f.next(3).Offset != 10 {
			t.Errorf("offsets %v: %v, %v; reading goes on at %d", wrong, names, err, f.next(3).Offset)
		}
	}
	if _, err := f.skip(3, 11, 11); err == nil || !strings.Contains(err.Error(), "at offset 10 next") {
		t.Errorf("what is not next: %v", err)
	}
	names, err := f.skip(3, 10, 12)
	if err != nil || !slices.Equal(names, []string{def.Name}) {
		t.Fatalf("%v, %v", names, err)
	}
	// With marks what is before it would be fetched, and it.
	if next := f.next(3); next.Offset != 13 || next.TopicID != "t" || len(next.Checkpoints) != 0 {
		t.Errorf("reading goes on at %+v", next)
	}
	kept := f.list(activity.ParkedLedger, parked.Filter{})
	if len(kept) != 1 || kept[0].Poison.Reason != activity.ReasonSkipped || kept[0].Partition != 3 ||
		kept[0].Offset != 10 || !strings.Contains(kept[0].Poison.Detail, "10 to 12") {
		t.Errorf("kept %+v", kept)
	}
	acts, err := f.Ledger(activity.ParkedLedger, nil).Audit(t.Context(), 10)
	if err != nil || len(acts) != 1 || acts[0].Verb != parked.Skip || acts[0].Reason != "it expands" ||
		acts[0].By != "me" || acts[0].ID != kept[0].ID {
		t.Errorf("audit %+v, %v", acts, err)
	}
	if found := f.begin(); found.Suspect != nil || found.Deaths != 0 {
		t.Errorf("still suspected: %+v", found)
	}
	if names, err := f.skip(5, 0, 0); err != nil || len(names) != 1 || f.next(5).Offset != 1 {
		t.Errorf("a partition of which nothing was read: %v, %v", names, err)
	}
}

func TestSkip_NeedsAnActivityOfTheTopicAndAReason(t *testing.T) {
	f := newFile(t)
	for _, skip := range []activity.Skip{{Topic: "another", Reason: "r"}, {Topic: def.Topic}} {
		if names, err := activitystore.Skip(t.Context(), f.db, skip, activitystore.Options{}); err == nil ||
			names != nil {
			t.Errorf("%+v: %v", skip, names)
		}
	}
}

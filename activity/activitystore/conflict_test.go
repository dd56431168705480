package activitystore_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"ordertally/activity"
	"ordertally/shared/parked"
)

// slotted is a message of an order service, with the record that it came in.
func slotted(id string, sequence uint64, offset int64) activity.Message {
	m := message(id, 0, noon, 100)
	m.Lineage, m.Sequence, m.Previous, m.Offset, m.Timestamp = "L", sequence, sequence-1, offset, noon
	raw := poison(offset, "")
	raw.Headers[0].Value = []byte(id)
	m.Raw = &raw
	return m
}

func (f *file) verdicts(next activity.Position, messages ...activity.Message) []activity.Verdict {
	f.t.Helper()
	got, err := f.Apply(f.t.Context(), &activity.Batch{Messages: messages, Next: map[int32]activity.Position{0: next}})
	if err != nil {
		f.t.Fatal(err)
	}
	return got
}

// forget lets all ids go past their retention.
func (f *file) forget() {
	f.t.Helper()
	for range 16 {
		f.clock.Advance(24 * time.Hour)
		m := message(fmt.Sprint("other ", f.clock.Now()), 1, noon, 0)
		m.Timestamp = f.clock.Now()
		f.apply(batch(1, m))
	}
}

// TestApply_KeepsConflicts has the id of a counted message come with other content: an operator decides, and one
// content counts once.
func TestApply_KeepsConflicts(t *testing.T) {
	f := newFile(t)
	forged := slotted("a", 1<<60, 1)
	forged.Content = [8]byte{1}
	again := forged
	again.Raw = &activity.Parked{}
	*again.Raw = *forged.Raw
	again.Offset, again.Raw.Offset = 3, 3
	got := f.verdicts(activity.Position{Offset: 4}, slotted("a", 1, 0), forged, slotted("b", 2, 2), again)
	want := []activity.Verdict{activity.VerdictCounted, activity.VerdictConflict, activity.VerdictCounted,
		activity.VerdictConflict}
	if !slices.Equal(got, want) {
		t.Fatalf("decided %v, want %v", got, want)
	}
	kept := f.list(activity.ConflictLedger, parked.Filter{Class: string(activity.ReasonConflict)})
	if len(kept) != 2 || kept[0].MessageID != "a" || kept[0].Offset != 1 ||
		f.sizes().Sizes[activity.ConflictLedger].Messages != 2 || f.sizes().Lineages != 1 {
		t.Fatalf("kept %+v, sizes %+v", kept, f.sizes())
	}
	decode := func(*activity.Parked) (activity.Message, *activity.Poison) { return forged, nil }
	if done := f.decide(activity.ConflictLedger, parked.Retry, kept[0].ID, decode); done[1] != 1 {
		t.Fatalf("accepted: %+v", done)
	}
	if done := f.decide(activity.ConflictLedger, parked.Retry, kept[1].ID, decode); done[1] != 0 || done[2] != 1 {
		t.Fatalf("accepted the same a second time: %+v", done)
	}
	acts, err := f.Ledger(activity.ParkedLedger, nil).Audit(t.Context(), 10)
	if err != nil || len(acts) != 2 || acts[1].Ledger != "conflicts" ||
		acts[1].Outcome != parked.Counted {
		t.Fatalf("the audit has %+v, %v", acts, err)
	}
	if n := f.bins()[activity.QuarterOf(noon)].Count; n != 3 {
		t.Errorf("%d are counted, want a, b and the accepted one", n)
	}
}

// TestApply_RemembersHowFarWasRead has a topic read again from its start when all ids are forgotten: what was read
// before is refused, also while reading goes back, and what stands further on under a slot that is dealt with goes to
// the late ledger.
func TestApply_RemembersHowFarWasRead(t *testing.T) {
	f := newFile(t)
	a, b := slotted("a", 1, 0), slotted("b", 2, 1)
	f.verdicts(activity.Position{Offset: 2, TopicID: "t"}, a, b)
	f.forget()
	decides := func(what string, next activity.Position, m activity.Message, want activity.Verdict) {
		t.Helper()
		if got := f.verdicts(next, m); got[0] != want {
			t.Errorf("%s: %d, want %d", what, got[0], want)
		}
	}
	decides("read again", activity.Position{Offset: 1, TopicID: "t"}, a, activity.VerdictDuplicate)
	f.forget()
	decides("read again, after reading went back", activity.Position{Offset: 2, TopicID: "t"}, b,
		activity.VerdictDuplicate)
	f.forget()
	copied := slotted("c", 2, 2)
	decides("a copy further on", activity.Position{Offset: 3, TopicID: "t"}, copied, activity.VerdictLate)
	republished := slotted("d", 2, 3)
	republished.Republished = true
	decides("one that an operator had published again", activity.Position{Offset: 4, TopicID: "t"}, republished,
		activity.VerdictDuplicate)
	f.forget()
	decides("in a topic made again", activity.Position{Offset: 1, TopicID: "u"}, a, activity.VerdictLate)
	decides("a slot that was not dealt with", activity.Position{Offset: 2, TopicID: "u"}, slotted("e", 9, 1),
		activity.VerdictCounted)
	if trace, err := f.Trace(t.Context(), activity.MessageID{ID: "c", Lineage: "L", Sequence: 2}); err != nil ||
		trace.State != activity.LateMessage {
		t.Errorf("the copy is %+v, %v", trace, err)
	}
}

// TestApply_CountsBehindAForgedSlot although a forged record claims the slots of a whole lineage, and says each time
// that this is an incident.
func TestApply_CountsBehindAForgedSlot(t *testing.T) {
	f := newFile(t)
	forged := slotted("forged", 1<<62, 0)
	forged.Previous = 0
	got := f.verdicts(activity.Position{Offset: 3}, forged, slotted("a", 1, 1), slotted("b", 2, 2))
	if want := []activity.Verdict{activity.VerdictCounted, activity.VerdictCovered,
		activity.VerdictCovered}; !slices.Equal(got, want) {
		t.Fatalf("decided %v, want %v", got, want)
	}
}

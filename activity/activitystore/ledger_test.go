package activitystore_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ordertally/activity"
	"ordertally/activity/activitystore"
	"ordertally/activity/activitytest"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/parked"
)

// poison is a message that cannot be counted before the program is mended.
func poison(offset int64, reason activity.Reason) activity.Parked {
	return activity.Parked{
		Partition: 1, Offset: offset, LeaderEpoch: -1, Timestamp: noon, Value: fmt.Appendf(nil, "poison %d", offset),
		Headers: []cloudevent.Header{{Key: cloudevent.HeaderID, Value: fmt.Appendf(nil, "p%d", offset)}},
		Poison:  activity.Poison{Reason: reason, Detail: "as a test has it"},
	}
}

// mended reads every poison as an order of a hundred pence, but the ill one.
func mended(ill string) activitystore.Decoder {
	return func(p *activity.Parked) (activity.Message, *activity.Poison) {
		id := string(p.Headers[0].Value)
		if id == ill {
			return activity.Message{}, &activity.Poison{Reason: activity.ReasonImpossible, Detail: "still"}
		}
		e := activitytest.Order{ID: id, At: noon, Items: 1, Units: 1, Currency: "GBP", Revenue: 100}.Event()
		return activity.Message{ID: id, Partition: p.Partition, Offset: p.Offset, Timestamp: p.Timestamp, Event: e}, nil
	}
}

func (f *file) park(messages ...activity.Parked) {
	f.t.Helper()
	f.apply(&activity.Batch{Parked: messages})
}

func (f *file) list(ledger activity.Ledger, filter parked.Filter) []activity.Kept {
	f.t.Helper()
	var all []activity.Kept
	for after := ""; ; {
		page, err := f.Ledger(ledger, nil).List(f.t.Context(), filter, after, 2)
		if err != nil || page.Corrupt != nil {
			f.t.Fatal(page.Corrupt, err)
		}
		all = append(all, page.Messages...)
		if after = page.Next; after == "" {
			return all
		}
	}
}

func (f *file) decide(
	ledger activity.Ledger, verb parked.Verb, id string, decode activitystore.Decoder,
) [4]int {
	f.t.Helper()
	done, err := f.Ledger(ledger, decode).Decide(f.t.Context(), id, parked.Decision{Verb: verb, Reason: "a test"})
	if err != nil {
		f.t.Fatal(err)
	}
	return figures(&done)
}

// all retries all messages of a ledger.
func (f *file) all(ledger activity.Ledger, decode activitystore.Decoder, reason string) ([4]int, error) {
	f.t.Helper()
	done, err := f.Ledger(ledger, decode).
		DecideAll(f.t.Context(), parked.Filter{}, parked.Decision{Verb: parked.Retry, Reason: reason})
	return figures(&done), err
}

// figures are how many messages were decided about, and of these were counted, duplicates and still parked.
func figures(done *parked.Done) [4]int {
	return [4]int{done.Messages, done.Outcomes[parked.Counted], done.Outcomes[parked.Duplicate],
		done.Outcomes[parked.StillParked]}
}

func TestLedger_ListsMessagesAndDecidesAboutThem(t *testing.T) {
	f := newFile(t)
	f.park(poison(0, activity.ReasonMalformed), poison(1, activity.ReasonImpossible),
		poison(2, activity.ReasonMalformed))
	f.clock.Advance(time.Hour)
	f.park(poison(3, activity.ReasonMalformed), poison(4, activity.ReasonMalformed))
	if n := len(f.list(activity.ParkedLedger, parked.Filter{})); n != 5 {
		t.Fatalf("%d are listed", n)
	}
	early := f.list(activity.ParkedLedger,
		parked.Filter{Class: string(activity.ReasonMalformed), Before: noon.Add(time.Minute)})
	if len(early) != 2 || early[0].MessageID != "p0" || early[1].MessageID != "p2" ||
		string(early[0].Value) != "poison 0" {
		t.Fatalf("listed %+v", early)
	}
	first := early[0].ID
	if done := f.decide(activity.ParkedLedger, parked.Retry, first,
		mended("p0")); done != [4]int{1, 0, 0, 1} {
		t.Fatalf("a retry in vain: %+v", done)
	}
	kept, history, err := f.Ledger(activity.ParkedLedger, nil).Get(t.Context(), first)
	if err != nil || kept.Attempts != 1 || kept.Poison.Detail != "still" || !kept.Tried.Equal(noon.Add(time.Hour)) ||
		len(history) != 1 || history[0].Outcome != "still_parked" {
		t.Fatalf("kept %+v, %+v, %v", kept, history, err)
	}
	if done := f.decide(activity.ParkedLedger, parked.Retry, first,
		mended("")); done != [4]int{1, 1, 0, 0} {
		t.Fatalf("a retry: %+v", done)
	}
	if _, err := f.Ledger(activity.ParkedLedger, mended("")).Decide(t.Context(), first,
		parked.Decision{Verb: parked.Retry}); !errors.Is(err, parked.ErrNotParked) {
		t.Fatalf("a second retry: %v", err)
	}
	if done := f.decide(activity.ParkedLedger, parked.Discard, early[1].ID,
		nil); done != [4]int{1, 0, 0, 0} {
		t.Fatalf("a discard: %+v", done)
	}
	if counted := f.apply(batch(9, message("p3", 1, noon, 100))); !counted[0] {
		t.Fatal("p3 was never counted")
	}
	done, err := f.all(activity.ParkedLedger, mended("p4"), "mended")
	if err != nil || done != [4]int{3, 1, 1, 1} {
		t.Fatalf("all: %+v, %v", done, err)
	}
	total := f.bins()[activity.QuarterOf(noon)]
	if total.Count != 3 {
		t.Fatalf("%d are counted", total.Count)
	}
	if sizes := f.sizes(); sizes.Sizes[activity.ParkedLedger].Messages != 1 ||
		sizes.Sizes[activity.ParkedLedger].Bytes <= 0 {
		t.Fatalf("sizes %+v", sizes)
	}
	acts, err := f.Ledger(activity.ParkedLedger, nil).Audit(t.Context(), 3)
	if err != nil || len(acts) != 3 || acts[0].Outcome != "still_parked" || acts[1].Outcome != "duplicate" ||
		acts[2].Reason != "mended" {
		t.Fatalf("audit %+v, %v", acts, err)
	}
	for _, id := range []string{"", "1-2", "1-2-zz", "1-0-0011223344556677", "01-0-" + strings.Repeat("0", 16)} {
		if _, _, err := f.Ledger(activity.ParkedLedger, nil).Get(t.Context(), id); !errors.Is(err,
			parked.ErrNotParked) {
			t.Errorf("id %q: %v", id, err)
		}
	}
}

// More is retried than one transaction takes, some of them in vain.
func TestLedger_DecidesAboutManyInSteps(t *testing.T) {
	f := newFile(t)
	var all []activity.Parked
	for i := range int64(1203) {
		all = append(all, poison(i, activity.ReasonMalformed))
	}
	f.park(all...)
	done, err := f.all(activity.ParkedLedger, mended("p600"), "")
	if err != nil || done != [4]int{1203, 1202, 0, 1} ||
		f.sizes().Sizes[activity.ParkedLedger].Messages != 1 {
		t.Fatalf("%+v, %v", done, err)
	}
}

// Twenty operators retry the same message.
func TestLedger_RetriesAtOnceCountOnce(t *testing.T) {
	f := newFile(t)
	f.park(poison(0, activity.ReasonMalformed))
	id := f.list(activity.ParkedLedger, parked.Filter{})[0].ID
	var running sync.WaitGroup
	var mu sync.Mutex
	decided := 0
	for range 20 {
		running.Go(func() {
			if _, err := f.Ledger(activity.ParkedLedger, mended("")).Decide(t.Context(), id,
				parked.Decision{Verb: parked.Retry}); err == nil {
				mu.Lock()
				decided++
				mu.Unlock()
			} else if !errors.Is(err, parked.ErrNotParked) {
				t.Error(err)
			}
		})
	}
	running.Wait()
	total := f.bins()[activity.QuarterOf(noon)]
	if decided != 1 || total.Count != 1 {
		t.Fatalf("decided %d times, counted %d", decided, total.Count)
	}
}

// More is parked than there is room for.
func TestLedger_KeepsThePositionsOfWhatItHasNoRoomFor(t *testing.T) {
	f := newFile(t)
	f.limits(1000, 0)
	for offset := range int64(20) {
		f.park(poison(offset, activity.ReasonMalformed))
	}
	f.park(poison(30, activity.ReasonMalformed), poison(30, activity.ReasonMalformed),
		poison(25, activity.ReasonMalformed))
	sizes := f.sizes()
	if sizes.Sizes[activity.ParkedLedger].Bytes > 1000 || sizes.Sizes[activity.ParkedLedger].Messages == 0 ||
		sizes.Sizes[activity.ParkedLedger].Messages+sizes.Overflowed != 22 {
		t.Fatalf("sizes %+v", sizes)
	}
	ranges, err := f.Ledger(activity.ParkedLedger, nil).Overflow(t.Context(), 10)
	want := []parked.OffsetRange{{Partition: 1, From: sizes.Sizes[activity.ParkedLedger].Messages, To: 19},
		{Partition: 1, From: 25, To: 25}, {Partition: 1, From: 30, To: 30}}
	if err != nil || !slices.Equal(ranges, want) {
		t.Fatalf("ranges %+v, %v, want %+v", ranges, err, want)
	}
}

// Messages are parked on two days, and batches applied past the retention of the first.
func TestLedger_ForgetsByAge(t *testing.T) {
	f := newFile(t)
	f.limits(0, 10*24*time.Hour)
	var first []activity.Parked
	for offset := range int64(100) {
		first = append(first, poison(offset, activity.ReasonMalformed))
	}
	f.park(first...)
	f.clock.Advance(6 * 24 * time.Hour)
	f.park(poison(200, activity.ReasonMalformed))
	f.clock.Advance(5 * 24 * time.Hour)
	for step, want := range []int64{37, 1, 1} { // 64 at a time
		f.park()
		if sizes := f.sizes(); sizes.Sizes[activity.ParkedLedger].Messages != want || sizes.Expired != 101-want {
			t.Fatalf("step %d: %+v, want %d parked", step, sizes, want)
		}
	}
	if trace, err := f.Trace(t.Context(), activity.MessageID{ID: "p5"}); err != nil || trace.State != activity.Unknown {
		t.Errorf("p5 is %+v, %v", trace, err)
	}
	if trace, err := f.Trace(t.Context(), activity.MessageID{ID: "p200"}); err != nil ||
		trace.State != activity.ParkedMessage || trace.Poison.Reason != activity.ReasonMalformed {
		t.Errorf("p200 is %+v, %v", trace, err)
	}
}

// foreign is a message without a lineage, as the ingest hands it on.
func foreign(id string, offset int64, written time.Time) activity.Message {
	m := message(id, 0, noon, 1)
	m.Offset, m.Timestamp = offset, written
	m.Raw = &activity.Parked{Offset: offset, Timestamp: written,
		Headers: []cloudevent.Header{{Key: cloudevent.HeaderID, Value: []byte(id)}}}
	return m
}

// Messages without a lineage are replayed after their ids were dropped.
func TestLedger_HasAsLateWhatMayBeForgotten(t *testing.T) {
	f := newFile(t)
	if counted := f.apply(batch(1, foreign("old", 0, noon.AddDate(-1, 0, 0)))); !counted[0] {
		t.Fatal("nothing was ever forgotten: a message of last year is new")
	}
	for range 16 { // days on which something arrives; 15 are kept
		f.clock.Advance(24 * time.Hour)
		f.apply(batch(1, foreign("daily "+f.clock.Now().String(), 1, f.clock.Now())))
	}
	now := f.clock.Now()
	before := f.sizes()
	counted := f.apply(batch(2,
		foreign("old", 0, noon.AddDate(-1, 0, 0)),                     // again: nobody can know
		foreign("new", 2, now.Add(-time.Hour)),                        // cannot have been forgotten
		foreign("backdated by its clock", 3, noon.AddDate(0, 0, -30)), // nobody can know
		foreign("from the future", 4, now.Add(48*time.Hour)),
		foreign("old", 0, noon.AddDate(-1, 0, 0))))
	if !slices.Equal(counted, []bool{false, true, false, false, false}) {
		t.Fatalf("counted %v", counted)
	}
	if sizes := f.sizes(); sizes.Sizes[activity.LateLedger].Messages != 3 ||
		sizes.Sizes[activity.ParkedLedger].Messages != 0 || sizes.Keys != before.Keys+1 {
		t.Fatalf("sizes %+v", sizes)
	}
	slotted := message("of an order service", 0, noon, 1)
	slotted.Lineage, slotted.Sequence, slotted.Timestamp = "L", 1, noon.AddDate(-1, 0, 0)
	if counted := f.apply(batch(3, slotted)); !counted[0] {
		t.Fatal("a message with a lineage was late")
	}
	late := f.list(activity.LateLedger, parked.Filter{})
	if trace, err := f.Trace(t.Context(), activity.MessageID{ID: "old"}); err != nil ||
		trace.State != activity.LateMessage {
		t.Errorf("old is %+v, %v", trace, err)
	}
	accept := func(p *activity.Parked) (activity.Message, *activity.Poison) {
		return foreign(string(p.Headers[0].Value), p.Offset, p.Timestamp), nil
	}
	if done := f.decide(activity.LateLedger, parked.Retry, late[1].ID, accept); done[1] != 1 {
		t.Fatalf("accepted %+v", done)
	}
	if _, err := f.Ledger(activity.LateLedger, accept).Decide(t.Context(), late[1].ID,
		parked.Decision{Verb: parked.Retry}); !errors.Is(err, parked.ErrNotParked) {
		t.Fatalf("accepted twice: %v", err)
	}
	if counted := f.apply(batch(4, foreign(late[1].MessageID, 3, noon.AddDate(0, 0, -30)))); counted[0] ||
		f.sizes().Sizes[activity.LateLedger].Messages != 2 {
		t.Fatal("it was accepted and is known")
	}
	f.decide(activity.LateLedger, parked.Discard, late[0].ID, nil)
}

// The position is kept with the headers, and a retry by the same program parks it again.
func TestLedger_KeepsThePositionOfWhatIsTooLarge(t *testing.T) {
	f := newFile(t)
	large := poison(7, activity.ReasonTooLarge)
	large.Value, large.TooLarge = nil, 1<<30
	f.park(large)
	f.close()
	f.open()
	kept := f.list(activity.ParkedLedger, parked.Filter{Class: string(activity.ReasonTooLarge)})
	if len(kept) != 1 || kept[0].TooLarge != 1<<30 || kept[0].Value != nil || kept[0].Offset != 7 ||
		!reflect.DeepEqual(kept[0].Headers, large.Headers) {
		t.Fatalf("kept %+v", kept)
	}
	f.park(large) // read again
	if n := len(f.list(activity.ParkedLedger, parked.Filter{})); n != 1 {
		t.Fatalf("%d entries of one record", n)
	}
}

// It goes on where the page ended.
func TestLedger_BoundsTheBytesOfAPage(t *testing.T) {
	f := newFile(t)
	var want []int64
	for offset := range int64(6) {
		large := poison(offset, activity.ReasonMalformed)
		large.Value = make([]byte, 2<<20)
		f.park(large)
		want = append(want, offset)
	}
	var got []int64
	for after := ""; ; {
		page, err := f.Ledger(activity.ParkedLedger, nil).List(t.Context(), parked.Filter{}, after, 200)
		if err != nil {
			t.Fatal(err)
		}
		bytes := 0
		for i := range page.Messages {
			got, bytes = append(got, page.Messages[i].Offset), bytes+len(page.Messages[i].Value)
		}
		if bytes > 6<<20 {
			t.Errorf("a page of %d bytes", bytes)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed %v", got)
	}
}

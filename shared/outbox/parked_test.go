package outbox_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ordertally/shared/boltdb"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
	"ordertally/shared/parked"
)

// sick makes the publisher refuse records whose key begins with "sick", as too large, while it is true.
func sick(r *rig) *atomic.Bool {
	ill := &atomic.Bool{}
	ill.Store(true)
	r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		for _, record := range records {
			if step == outboxtest.Committing && ill.Load() && strings.HasPrefix(string(record.Key), "sick") {
				return &outbox.RejectedError{Class: outbox.TooLarge, Err: errors.New("over the topic's limit")}
			}
		}
		return nil
	})
	return ill
}

// park appends sick messages among others, and returns them once all are parked.
func park(r *rig, sickKeys ...string) []outbox.ParkedMessage {
	r.t.Helper()
	if err := r.db.Write(r.t.Context(), func(tx *boltdb.Tx) error {
		var errs []error
		for _, key := range sickKeys {
			_, err := r.add(tx, outbox.Message{Key: []byte("well"), Type: "T", Value: []byte("well")})
			_, err2 := r.add(tx,
				outbox.Message{Key: []byte(key), Subject: key, Type: "T", Value: []byte(key)})
			errs = append(errs, err, err2)
		}
		return errors.Join(errs...)
	}); err != nil {
		r.t.Fatal(err)
	}
	clocktest.Eventually(r.t, "all the sick are parked",
		func() bool { return r.outbox.Parked() == len(sickKeys) && r.outbox.Backlog() == 0 })
	page, err := r.list(parked.Filter{}, 1000)
	if err != nil || page.Next != "" || len(page.Messages) != len(sickKeys) {
		r.t.Fatalf("%d listed, next %s, %v", len(page.Messages), page.Next, err)
	}
	return page.Messages
}

// list returns the first page of the messages that the filter selects.
func (r *rig) list(filter parked.Filter, limit int) (parked.Page[outbox.ParkedMessage], error) {
	return r.outbox.Ledger().List(r.t.Context(), filter, "", limit)
}

func (r *rig) retry(m outbox.ParkedMessage, reason string) error {
	_, err := r.outbox.Ledger().
		Decide(r.t.Context(), m.ID.String(), parked.Decision{Verb: parked.Retry, Reason: reason})
	return err
}

func (r *rig) discard(m outbox.ParkedMessage, reason string) error {
	_, err := r.outbox.Ledger().
		Decide(r.t.Context(), m.ID.String(), parked.Decision{Verb: parked.Discard, Reason: reason})
	return err
}

func countOf(records []outbox.Record, key string) (n int) {
	for _, record := range records {
		if string(record.Key) == key {
			n++
		}
	}
	return n
}

func TestLedger_TellsWhatHappenedToAMessage(t *testing.T) {
	r := newRig(t)
	sick(r)
	before := time.Now()
	r.start()
	m := park(r, "sick")[0]
	if m.Class != outbox.TooLarge || !strings.Contains(m.Reason, "limit") || m.Attempts != 3 ||
		string(m.Key) != "sick" || m.Value != nil {
		t.Errorf("got %+v", m)
	}
	if m.FirstFailed.Before(before.Truncate(time.Millisecond)) || m.LastFailed.Before(m.FirstFailed) ||
		m.Committed.IsZero() {
		t.Errorf("failed first %s, last %s", m.FirstFailed, m.LastFailed)
	}
	again, history, err := r.outbox.Ledger().Get(t.Context(), m.ID.String())
	if err != nil || again.Slot != m.Slot || string(again.Value) != "sick" || len(history) != 0 {
		t.Errorf("got %+v, %v, %v", again, history, err)
	}
}

// If a message is older than the ids that an inbox has kept, the inbox goes by the slot alone. So a message that waited
// long must not look as old as its order (rule C3a).
func TestRelay_SendsARetriedMessageWithTheTimeOfItsNewSlot(t *testing.T) {
	for _, from := range []string{"the queue", "the file"} {
		t.Run(from, func(t *testing.T) {
			r := newRig(t)
			ill := sick(r)
			r.start()
			m := park(r, "sick")[0]
			ill.Store(false)
			asked := time.Now().Truncate(time.Millisecond)
			if !m.Committed.Before(asked) {
				clocktest.Eventually(r.t, "a later millisecond", func() bool {
					asked = time.Now().Truncate(time.Millisecond)
					return m.Committed.Before(asked)
				})
			}
			if from == "the file" {
				r.stop()
			}
			if err := r.retry(m, ""); err != nil {
				t.Fatal(err)
			}
			if from == "the file" {
				r.restart()
			}
			for _, record := range r.await(2) {
				if string(record.Key) == "sick" && record.Time.Before(asked) {
					t.Errorf("sent with the time %s; it was committed at %s and got its slot after %s", record.Time,
						m.Committed, asked)
				}
			}
		})
	}
}

func TestLedger_RetriesAMessageOnceHoweverManyAsk(t *testing.T) {
	r := newRig(t)
	ill := sick(r)
	r.start()
	m := park(r, "sick")[0]
	ill.Store(false)
	var retried atomic.Int32
	var askers sync.WaitGroup
	for range 20 {
		askers.Go(func() {
			switch err := r.retry(m, ""); {
			case err == nil:
				retried.Add(1)
			case !errors.Is(err, parked.ErrNotParked):
				t.Error(err)
			}
		})
	}
	askers.Wait()
	records := r.await(2)
	r.place("end")
	records = r.await(len(records) + 1)
	if retried.Load() != 1 || countOf(records, "sick") != 1 || r.outbox.Parked() != 0 {
		t.Fatalf("%d retries, %d published, %d parked", retried.Load(), countOf(records, "sick"), r.outbox.Parked())
	}
	r.restart()
	if r.outbox.Parked() != 0 || r.outbox.Backlog() != 0 {
		t.Fatalf("%d parked, %d waiting after a restart", r.outbox.Parked(), r.outbox.Backlog())
	}
}

func TestLedger_KeepsTheHistoryOfARetryThatFails(t *testing.T) {
	r := newRig(t)
	ill := sick(r)
	r.start()
	m := park(r, "sick")[0]
	if err := r.retry(m, "limit raised"); err != nil {
		t.Fatal(err)
	}
	clocktest.Eventually(r.t, "it is parked again",
		func() bool { return r.outbox.Parked() == 1 && r.outbox.Backlog() == 0 })
	again, history, err := r.outbox.Ledger().Get(t.Context(), m.ID.String())
	if err != nil || len(history) != 1 || again.Attempts != 4 || again.Slot == m.Slot ||
		!again.FirstFailed.Equal(m.FirstFailed) {
		t.Fatalf("got %+v, %+v, %v", again, history, err)
	}
	if h := history[0]; h.Verb != parked.Retry || h.Reason != "limit raised" || h.Slot != m.Slot ||
		h.NewSlot != again.Slot || h.At.IsZero() {
		t.Errorf("history %+v", h)
	}
	ill.Store(false)
	r.restart()
	if err := r.retry(m, ""); err != nil {
		t.Fatal(err)
	}
	if records := r.await(2); countOf(records, "sick") != 1 {
		t.Fatalf("published %d times", countOf(records, "sick"))
	}
}

func TestLedger_KeepsADiscardedMessageAndNeverPublishesIt(t *testing.T) {
	r := newRig(t)
	ill := sick(r)
	r.start()
	m := park(r, "sick")[0]
	if err := r.discard(m, "placed by a test"); err != nil {
		t.Fatal(err)
	}
	ill.Store(false)
	if err := r.retry(m, ""); !errors.Is(err, parked.ErrNotParked) {
		t.Errorf("a discarded message was retried: %v", err)
	}
	r.restart()
	r.place("end")
	records := r.await(2)
	clocktest.Eventually(r.t, "nothing waits", func() bool { return r.outbox.Backlog() == 0 })
	if countOf(records, "sick") != 0 || r.outbox.Parked() != 0 {
		t.Fatalf("published %d times, %d parked", countOf(records, "sick"), r.outbox.Parked())
	}
	if s := r.status(m.Slot); s.State == outbox.Published || s.State == outbox.Pending {
		t.Errorf("status %+v", s)
	}
}

// Messages that Kafka refuses are usually large. Fifty of them must still fit on one page of a list.
func TestLedger_ListsLargeMessagesWithoutTheirValues(t *testing.T) {
	r := newRig(t)
	r.relay.MaxAttempts = 1
	sick(r)
	r.start()
	if err := r.db.Write(t.Context(), func(tx *boltdb.Tx) error {
		var errs []error
		for n := range 12 {
			_, err := r.add(tx, outbox.Message{Key: fmt.Appendf(nil, "sick-%d", n), Type: "T",
				Value: make([]byte, 1<<20)})
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}); err != nil {
		t.Fatal(err)
	}
	clocktest.Eventually(t, "all are parked", func() bool { return r.outbox.Parked() == 12 })
	page, err := r.list(parked.Filter{}, 50)
	if err != nil || len(page.Messages) != 12 || page.Next != "" {
		t.Errorf("%d listed, next %q, %v", len(page.Messages), page.Next, err)
	}
	whole, err := r.outbox.Ledger().Export(t.Context(), parked.Filter{}, "")
	if err != nil || len(whole.Messages) != 4 || len(whole.Messages[0].Value) != 1<<20 || whole.Next == "" {
		t.Errorf("%d exported, next %q, %v", len(whole.Messages), whole.Next, err)
	}
}

func TestLedger_RetriesWhatMatchesInTheOrderWritten(t *testing.T) {
	r := newRig(t)
	r.relay.MaxAttempts = 1
	ill := sick(r)
	r.start()
	var keys []string
	for n := range 600 { // more than one transaction has
		keys = append(keys, fmt.Sprintf("sick-%d", n%2))
	}
	list := park(r, keys...)
	page, err := r.list(parked.Filter{Subject: "sick-1"}, 10)
	if err != nil || len(page.Messages) != 10 {
		t.Fatalf("%d listed, next %s, %v", len(page.Messages), page.Next, err)
	}
	page, err = r.outbox.Ledger().List(t.Context(), parked.Filter{Subject: "sick-1"}, page.Next, 10)
	if err != nil || len(page.Messages) != 10 || page.Messages[0].ID != list[21].ID {
		t.Fatalf("the next page: %d listed, %v", len(page.Messages), err)
	}
	for filter, want := range map[parked.Filter]int{
		{Class: string(outbox.Refused)}:                     0,
		{Before: list[0].Committed}:                         0,
		{Class: string(outbox.TooLarge), Subject: "sick-1"}: 300,
		{Before: time.Now().Add(time.Hour)}:                 600,
	} {
		if got, err := r.list(filter, 5000); err != nil ||
			len(got.Messages) != want {
			t.Errorf("%+v: %d listed, want %d, %v", filter, len(got.Messages), want, err)
		}
	}
	ill.Store(false)
	if done, err := r.outbox.Ledger().DecideAll(t.Context(), parked.Filter{Subject: "sick-1"},
		parked.Decision{Verb: parked.Retry}); err != nil || done.Messages != 300 {
		t.Fatalf("%+v, %v", done, err)
	}
	records := r.await(600 + 300)
	exactlyOnce(t, records)
	var last string
	for _, record := range records {
		if string(record.Key) != "sick-1" {
			continue
		}
		for _, h := range record.Headers {
			if h.Key == "ce_id" {
				if string(h.Value) <= last {
					t.Fatalf("%s was published after %s", h.Value, last)
				}
				last = string(h.Value)
			}
		}
	}
	if r.outbox.Parked() != 300 {
		t.Fatalf("%d parked", r.outbox.Parked())
	}
}

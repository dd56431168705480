package outbox_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ordertally/shared/boltdb"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
)

// awaits calls Await in the background. The channel gets the answer.
func (r *rig) awaits(slot uint64) <-chan outbox.Ack {
	answer := make(chan outbox.Ack, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		answer <- r.outbox.Await(ctx, slot)
	}()
	return answer
}

// acked checks what Await answers.
func (r *rig) acked(slot uint64, want outbox.Ack) {
	r.t.Helper()
	if got := <-r.awaits(slot); got != want {
		r.t.Errorf("slot %d is %s, want %s", slot, got, want)
	}
}

// gated makes the publisher wait at a step, with records, until release is called. began has a token when one waits.
func (r *rig) gated(at outboxtest.Step) (began <-chan struct{}, release func()) {
	waits, free := make(chan struct{}, 1000), make(chan struct{})
	r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		if step == at && len(records) > 0 {
			waits <- struct{}{}
			<-free
		}
		return nil
	})
	release = sync.OnceFunc(func() { close(free) })
	r.t.Cleanup(release)
	return waits, release
}

// pending checks that an answer does not come before the relay has done something else.
func (r *rig) pending(answer <-chan outbox.Ack) {
	r.t.Helper()
	select {
	case ack := <-answer:
		r.t.Fatalf("answered %s too early", ack)
	default:
	}
}

func (r *rig) waiters(n int) {
	r.t.Helper()
	clocktest.Eventually(r.t, "callers wait", func() bool { return r.outbox.Awaiting() == n })
}

func TestAwait_AnswersWhenTheTransactionIsKnownToBeCommitted(t *testing.T) {
	r := newRig(t)
	began, release := r.gated(outboxtest.Answering) // the records are visible, and the relay does not know it yet
	r.start()
	r.linked()
	r.place(names("a", 300)...)
	<-began
	answers := make([]<-chan outbox.Ack, 300)
	for i := range answers {
		answers[i] = r.awaits(uint64(i + 1))
	}
	r.waiters(300)
	for _, answer := range answers {
		r.pending(answer)
	}
	release()
	for i, answer := range answers {
		if got := <-answer; got != outbox.Committed {
			t.Fatalf("slot %d is %s", i+1, got)
		}
	}
	r.acked(7, outbox.Committed) // known already
	r.waiters(0)
}

// linked waits until the relay is connected.
func (r *rig) linked() {
	r.t.Helper()
	clocktest.Eventually(r.t, "the link is up", func() bool { return r.link().State == outbox.LinkUp })
}

func TestAwait_EndsWithItsContext(t *testing.T) {
	r := newRig(t)
	began, release := r.gated(outboxtest.Committing)
	r.start()
	r.linked()
	r.place(names("a", 200)...)
	<-began
	ctx, cancel := context.WithCancel(t.Context())
	var left sync.WaitGroup
	var late atomic.Int32
	for i := range 150 {
		left.Go(func() {
			if r.outbox.Await(ctx, uint64(i+1)) == outbox.Late {
				late.Add(1)
			}
		})
	}
	rest := make([]<-chan outbox.Ack, 200)
	for i := range rest {
		rest[i] = r.awaits(uint64(i + 1))
	}
	r.waiters(350)
	cancel()
	left.Wait()
	if late.Load() != 150 {
		t.Errorf("%d of 150 ended with their context", late.Load())
	}
	r.waiters(200)
	release()
	for i, answer := range rest {
		if got := <-answer; got != outbox.Committed {
			t.Errorf("slot %d is %s", i+1, got)
		}
	}
}

func TestAwait_AnswersAtOnceWhenTheLinkGoesDown(t *testing.T) {
	r := newRig(t)
	var away atomic.Bool
	r.publisher.Script(func(outboxtest.Step, []outbox.Record) error {
		if away.Load() {
			return errAway
		}
		return nil
	})
	r.place("before")
	r.acked(1, outbox.Away) // no relay runs
	r.start()
	r.await(1)
	clocktest.Eventually(t, "the first is known to be published", func() bool {
		return r.outbox.Await(t.Context(), 1) == outbox.Committed
	})
	away.Store(true)
	answer := r.awaits(2) // nobody has placed it yet
	r.place("during")
	if got := <-answer; got != outbox.Away {
		t.Errorf("the caller who waited: %s", got)
	}
	r.acked(2, outbox.Away)
	r.acked(1, outbox.Committed)
	away.Store(false)
	clocktest.Eventually(t, "the second is published", func() bool {
		return r.outbox.Await(t.Context(), 2) == outbox.Committed
	})
}

func TestAwait_TellsSkippedFromPublished(t *testing.T) {
	r := newRig(t)
	r.relay.MaxAttempts = 1
	entered, release := make(chan struct{}, 1), make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	t.Cleanup(free)
	r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		bad := slices.ContainsFunc(records, func(r outbox.Record) bool { return string(r.Value) == "bad" })
		if step != outboxtest.Committing || !bad {
			return nil
		}
		if len(records) == 1 {
			entered <- struct{}{}
			<-release
		}
		return &outbox.RejectedError{Class: outbox.TooLarge, Err: errors.New("no")}
	})
	r.start()
	r.linked()
	r.place("bad")
	<-entered
	answer := r.awaits(1)
	r.waiters(1)
	r.place("good")
	free()
	if got := <-answer; got != outbox.Skipped {
		t.Errorf("the caller who waited for the refused one: %s", got)
	}
	r.acked(2, outbox.Committed)
	r.acked(1, outbox.Skipped) // the position has passed it
	if got := r.status(1); got.State != outbox.Parked || got.Slot != 1 {
		t.Errorf("its status: %+v", got)
	}
	r.restart()
	r.linked()
	r.acked(1, outbox.Skipped)
	r.acked(2, outbox.Committed)
}

// A slot that was skipped before anybody waited for it must not be taken for published when the position passes it.
func TestAwait_KnowsWhatWasSkippedBefore(t *testing.T) {
	r := newRig(t)
	r.relay.Retry = outbox.Backoff{First: time.Hour, Factor: 1, Limit: time.Hour}
	began, release := make(chan struct{}, 10), make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	t.Cleanup(free)
	r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		if step != outboxtest.Committing || len(records) == 0 {
			return nil
		}
		if string(records[0].Value) == "k" {
			return &outbox.RejectedError{Class: outbox.TooLarge, Slots: []uint64{records[0].Slot},
				Err: errors.New("no")}
		}
		began <- struct{}{}
		<-release
		return nil
	})
	r.start()
	r.linked()
	r.place("k")
	clocktest.Eventually(t, "it waits", func() bool { return r.status(1).State == outbox.Waiting })
	r.together("k", "other") // the first of the two is held behind the one that waits
	<-began
	if got := r.status(2).State; got != outbox.Waiting {
		t.Fatalf("the follower is %s", got)
	}
	held, other := r.awaits(2), r.awaits(3) // the position may be before the first, or have passed it
	clocktest.Eventually(t, "a caller waits", func() bool { return r.outbox.Awaiting() > 0 })
	free()
	if got := <-held; got != outbox.Skipped {
		t.Errorf("the follower is %s", got)
	}
	if got := <-other; got != outbox.Committed {
		t.Errorf("the other is %s", got)
	}
}

// together appends messages in one transaction.
func (r *rig) together(keys ...string) {
	r.t.Helper()
	err := r.db.Write(r.t.Context(), func(tx *boltdb.Tx) error {
		for _, key := range keys {
			m := outbox.Message{Key: []byte(key), Type: "T", Value: []byte(key)}
			if _, err := r.add(tx, m); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// After an unknown outcome the watermark that is read back decides (rule P6).
func TestAwait_WaitsForTheOutcomeToBeReadBack(t *testing.T) {
	r := newRig(t)
	var failed atomic.Bool
	r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		if step == outboxtest.Answering && len(records) > 0 && !failed.Swap(true) {
			return outbox.ErrChanged // it is visible; the session ends without an outage
		}
		return nil
	})
	r.start()
	r.linked()
	r.place("a")
	r.acked(1, outbox.Committed)
	if got := len(r.await(1)); got != 1 {
		t.Errorf("%d records", got)
	}
}

// What the log lost is behind the position, and not there until it is published again.
func TestAwait_WaitsUntilWhatTheLogLostIsPublishedAgain(t *testing.T) {
	r := newRig(t)
	began, release := make(chan struct{}, 10), make(chan struct{})
	free := sync.OnceFunc(func() { close(release) })
	t.Cleanup(free)
	var lost atomic.Bool
	r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		switch {
		case step == outboxtest.Answering && len(records) > 0 && !lost.Swap(true):
			return outbox.ErrChanged // the outcome is unknown, and the log loses it
		case step == outboxtest.Committing && len(records) > 0 && lost.Load():
			began <- struct{}{}
			<-release
		case step == outboxtest.Opening && lost.Load():
			r.publisher.LoseQuietly(0)
		}
		return nil
	})
	r.start()
	r.linked()
	r.place("a")
	<-began
	report, err := r.recovery.Report(t.Context(), 0)
	if err != nil || report.Position != 1 {
		t.Fatalf("position %d, %v", report.Position, err)
	}
	answer := r.awaits(1)
	r.waiters(1)
	free()
	if got := <-answer; got != outbox.Committed {
		t.Errorf("it is %s", got)
	}
	if got := values(r.await(1)); !slices.Equal(got, []string{"a"}) {
		t.Errorf("published %v", got)
	}
}

func TestAwait_TurnsAwayWhoIsOneTooMany(t *testing.T) {
	r := newRig(t)
	began, release := r.gated(outboxtest.Committing)
	r.start()
	r.linked()
	r.place("a")
	<-began
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var all sync.WaitGroup
	var committed atomic.Int32
	for range outbox.MaxAwaited {
		all.Go(func() {
			if r.outbox.Await(ctx, 1) == outbox.Committed {
				committed.Add(1)
			}
		})
	}
	r.waiters(outbox.MaxAwaited)
	r.acked(1, outbox.Crowded)
	release()
	all.Wait()
	if committed.Load() != outbox.MaxAwaited {
		t.Errorf("%d of %d were answered", committed.Load(), outbox.MaxAwaited)
	}
}

// A fork gives the messages that the file shares with another one to that one.
func TestAwait_IsFencedAtOnce(t *testing.T) {
	r := newRig(t)
	began, release := r.gated(outboxtest.Committing)
	r.ended = make(chan error, 1)
	r.start()
	r.linked()
	r.place("a")
	<-began
	answer := r.awaits(1)
	r.waiters(1)
	r.outbox.History().Fence()
	if got := <-answer; got != outbox.Away {
		t.Errorf("the caller who waited: %s", got)
	}
	release()
	r.stop()
}

func BenchmarkAwait(b *testing.B) {
	db, err := boltdb.Open(b.TempDir()+"/outbox.db", boltdb.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	o, err := outbox.Open(b.Context(), db, outbox.Config{})
	if err != nil {
		b.Fatal(err)
	}
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			o.Await(b.Context(), 1)
		}
	})
}

package outbox_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ordertally/shared/boltdb"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
)

// The publisher blocks and ignores its context, which its contract forbids.
func TestRelay_IsStalledByABlockedPublisher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		block := make(chan struct{})
		r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
			if step == outboxtest.Committing && len(records) > 0 {
				<-block
			}
			return nil
		})
		r.start()
		<-time.After(time.Hour)
		if err := r.running.Check(t.Context()); err != nil {
			t.Errorf("with nothing to do: %v", err)
		}
		r.place("a")
		<-time.After(59 * time.Second)
		if err := r.running.Check(t.Context()); err != nil {
			t.Errorf("before its time: %v", err)
		}
		<-time.After(2 * time.Second)
		if err := r.running.Check(t.Context()); err == nil {
			t.Error("a relay that is blocked for a minute is called live")
		}
		close(block)
		r.await(1)
		synctest.Wait()
		if err := r.running.Check(t.Context()); err != nil {
			t.Errorf("after it went on: %v", err)
		}
	})
}

func TestRelay_IsNotStalledByAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.relay.Outage = outbox.Backoff{First: time.Hour, Factor: 1, Limit: time.Hour}
		r.publisher.Script(func(outboxtest.Step, []outbox.Record) error {
			return &outbox.OutageError{Class: outbox.Unavailable, Err: errors.New("away")}
		})
		r.start()
		r.place("a")
		for range 100 {
			<-time.After(time.Minute)
			if err := r.running.Check(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestRelay_IsNotStalledWhileItLingers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.relay.Linger = time.Hour
		r.start()
		r.place("a")
		<-time.After(30 * time.Minute)
		if err := r.running.Check(t.Context()); err != nil {
			t.Error(err)
		}
		<-time.After(time.Hour)
		r.await(1)
	})
}

// A write blocks the committer. The record of what was published waits behind it. The relay itself has nothing to do.
func TestRelay_ReportsABlockedRecorder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		inside, release := make(chan struct{}), make(chan struct{})
		var blocked sync.WaitGroup
		r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
			if step == outboxtest.Committing && len(records) > 0 {
				blocked.Go(func() {
					_ = r.db.Write(context.Background(), func(*boltdb.Tx) error {
						close(inside)
						<-release
						return boltdb.Refuse(nil)
					})
				})
				<-inside
			}
			return nil
		})
		r.start()
		<-time.After(time.Hour)
		live := func(want bool, when string) {
			t.Helper()
			if err := r.running.CheckRetention(t.Context()); (err == nil) != want {
				t.Errorf("%s: %v", when, err)
			}
			if err := r.running.Check(t.Context()); err != nil {
				t.Errorf("%s, the relay: %v", when, err)
			}
		}
		live(true, "with nothing to do")
		r.place("a")
		r.await(1)
		<-time.After(59 * time.Second)
		live(true, "before its time")
		<-time.After(2 * time.Second)
		live(false, "after more than a minute")
		close(release)
		blocked.Wait()
		synctest.Wait()
		live(true, "after it went on")
	})
}

package outbox_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
)

// link returns the reported state of the link.
func (r *rig) link() outbox.Link {
	r.t.Helper()
	report, err := r.recovery.Report(r.t.Context(), 1)
	if err != nil {
		r.t.Fatal(err)
	}
	return report.Link
}

var errAway = &outbox.OutageError{Class: outbox.Unavailable, Err: errors.New("away")}

// The link is down since it broke, whatever the relay tries meanwhile, and however that fails.
func TestRelay_AnOutageHasOneBeginning(t *testing.T) {
	type failing func(step outboxtest.Step, records []outbox.Record) error
	for name, tc := range map[string]struct {
		fails failing
		busy  bool // there are messages when the outage begins
	}{
		"cannot connect, slowly": {fails: func(step outboxtest.Step, _ []outbox.Record) error {
			if step == outboxtest.Opening {
				<-time.After(14 * time.Second)
			}
			return errAway
		}, busy: true},
		"refused at once, as for a transaction timeout that the broker does not allow": {
			fails: func(outboxtest.Step, []outbox.Record) error { return errAway }, busy: true},
		"may connect but not write": {fails: func(step outboxtest.Step, records []outbox.Record) error {
			if step == outboxtest.Opening || len(records) == 0 {
				return nil
			}
			return &outbox.OutageError{Class: outbox.Unauthorized, Err: errors.New("not authorized")}
		}, busy: true},
		"hangs in the transaction": {fails: func(step outboxtest.Step, records []outbox.Record) error {
			if step == outboxtest.Committing && len(records) > 0 {
				<-time.After(19 * time.Second)
			}
			return errAway
		}, busy: true},
		"nothing to send": {fails: func(outboxtest.Step, []outbox.Record) error { return errAway }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.relay = outbox.RelayConfig{} // the waits of a real relay
				var away atomic.Bool
				r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
					if !away.Load() {
						return nil
					}
					return tc.fails(step, records)
				})
				r.start()
				r.place("before")
				r.await(1)
				<-time.After(time.Hour)
				synctest.Wait()
				if link := r.link(); link.State != outbox.LinkUp || time.Since(link.Since) < time.Hour-time.Minute {
					t.Fatalf("%+v, want up for an hour", link)
				}
				began := time.Now()
				away.Store(true)
				if tc.busy {
					r.place("during")
				} else {
					r.publisher.LoseQuietly(1)
					r.publisher.Lose(1) // its connection breaks
				}
				<-time.After(25 * time.Second)
				for range 300 {
					<-time.After(777 * time.Millisecond)
					synctest.Wait()
					if link := r.link(); link.State != outbox.LinkDown || link.Since.Sub(began).Abs() > time.Second ||
						link.Error == "" {
						t.Fatalf("%s after it began: %+v, want down since %s", time.Since(began), link, began)
					}
				}
				if note := r.running.Note(); !strings.Contains(note, "down since "+began.UTC().Format(time.RFC3339)) {
					t.Errorf("/readyz?verbose: %q", note)
				}
				healed := time.Now()
				away.Store(false)
				r.place("after")
				if tc.busy {
					r.await(3)
				} else {
					r.await(2)
				}
				<-time.After(time.Minute)
				synctest.Wait()
				if link := r.link(); link.State != outbox.LinkUp || link.Since.Before(healed) || link.Error != "" {
					t.Errorf("healed at %s: %+v", healed, link)
				}
			})
		})
	}
}

// Kafka refused a message, so the link was up all the time.
func TestRelay_ARefusedMessageIsNoOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.relay = outbox.RelayConfig{}
		r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
			if step == outboxtest.Committing && len(records) > 0 && string(records[0].Key) == "poison" {
				return &outbox.RejectedError{Class: outbox.TooLarge, Err: errors.New("too large")}
			}
			return nil
		})
		r.start()
		r.place("a")
		r.await(1)
		synctest.Wait()
		up := r.link()
		r.place("poison")
		for range 100 {
			<-time.After(time.Second)
			synctest.Wait()
			if link := r.link(); link != up {
				t.Fatalf("%+v, want %+v still", link, up)
			}
		}
	})
}

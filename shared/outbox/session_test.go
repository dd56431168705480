package outbox_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
)

// plain is a publisher whose sessions have only the four methods that a relay needs. They are no Log.
type plain struct{ outbox.Publisher }

type plainSession struct{ outbox.Session }

func (p plain) Open(ctx context.Context, id outbox.Identity) (outbox.Session, error) {
	session, err := p.Publisher.Open(ctx, id)
	return plainSession{session}, err
}

// A publisher need not be one that can be read back. With and without a Recovery, messages are published once and in
// order, even after a lost answer and a crash.
func TestRelay_NeedsFourMethodsOfASession(t *testing.T) {
	for name, recovers := range map[string]bool{"with a recovery": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.through = func(p outbox.Publisher) outbox.Publisher { return plain{p} }
			r.alone = !recovers
			r.start()
			r.place(names("a", 20)...)
			r.await(20)
			var lost atomic.Int32
			r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
				if step == outboxtest.Answering && len(records) > 0 && lost.Add(1) == 1 {
					return errors.New("the answer is lost")
				}
				return nil
			})
			r.place(names("b", 20)...)
			r.await(40)
			r.drained()
			r.restart()
			r.place(names("c", 20)...)
			records := r.await(60)
			r.drained()
			exactlyOnce(t, records)
			if n := len(r.publisher.Published()); n != 60 || r.publisher.Scans()+r.publisher.Looks() != 0 {
				t.Errorf("%d records, %d scans, %d looks", n, r.publisher.Scans(), r.publisher.Looks())
			}
		})
	}
}

// The contract has two parts. A publisher may keep the first one only.
func TestPublisher_KeepsTheContractOfSessionsWithoutALog(t *testing.T) {
	outboxtest.Run(t, func(*testing.T) outboxtest.Target {
		fake := &outboxtest.Publisher{}
		fake.Script(poison(func(value string) bool { return len(value) > 2<<20 }))
		return outboxtest.Target{
			Publisher: plain{fake}, Read: func(*testing.T) []outbox.Record { return fake.Published() },
		}
	})
}

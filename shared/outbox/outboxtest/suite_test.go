package outboxtest_test

import (
	"errors"
	"testing"

	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
)

func TestPublisher_KeepsTheContract(t *testing.T) {
	fresh := func(*testing.T) outboxtest.Target {
		fake := &outboxtest.Publisher{}
		fake.Script(func(step outboxtest.Step, records []outbox.Record) error {
			for i := range records {
				if step == outboxtest.Committing && len(records[i].Value) > 2<<20 {
					return &outbox.RejectedError{Class: outbox.TooLarge, Err: errors.New("message too large")}
				}
			}
			return nil
		})
		return outboxtest.Target{
			Publisher: fake,
			Read:      func(*testing.T) []outbox.Record { return fake.Published() },
			Hang:      func(*testing.T) func() { return fake.Hang() },
			Remake:    func(*testing.T) { fake.RecreateWith(outboxtest.Partitions - 1) },
		}
	}
	outboxtest.Run(t, fresh)
	outboxtest.RunLog(t, fresh)
}

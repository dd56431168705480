package outbox_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
	"ordertally/shared/service/lifecycle"
)

// The publisher panics in the middle of a transaction, and after one. The relay is run again, and publishes each
// message once.
func TestRelay_LosesNothingInAPanic(t *testing.T) {
	r := newRig(t)
	var publications atomic.Int32
	r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		if step == outboxtest.Committing && len(records) > 0 && publications.Add(1)%2 == 1 && publications.Load() < 4 {
			panic("a fault that nobody thought of")
		}
		return nil
	})
	metrics := outbox.NewMetrics(r.registry, "test", r.outbox)
	relay := outbox.NewRelay(r.outbox, r.publisher, r.relay, metrics, zerolog.Nop())
	var panics atomic.Int32
	restarter := lifecycle.NewRestarter(relay.Run, func(*lifecycle.PanicError, time.Duration) { panics.Add(1) })
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- restarter.Run(ctx) }()
	r.place("a", "b", "a")
	r.drained()
	r.place("c")
	r.drained()
	stop()
	if err := <-ended; err != nil || panics.Load() != 2 {
		t.Errorf("%d panics, %v", panics.Load(), err)
	}
	onceEach(t, r.publisher.Published(), "a", "a", "b", "c")
}

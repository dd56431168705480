package apitest

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
)

// PublishWithout runs a relay to a publisher in memory. While ill is true, the publisher refuses the orders that name
// sku. The first refusal parks them. The relay stops when the test ends.
func (s *Service) PublishWithout(sku string) (ill *atomic.Bool, publisher *outboxtest.Publisher) {
	s.t.Helper()
	return s.PublishRefusing(sku, outbox.RelayConfig{MaxAttempts: 1}, zerolog.Nop())
}

// PublishRefusing is PublishWithout with the relay's settings and its log.
func (s *Service) PublishRefusing(
	sku string,
	config outbox.RelayConfig,
	logger zerolog.Logger,
) (ill *atomic.Bool, publisher *outboxtest.Publisher) {
	s.t.Helper()
	ill, publisher = &atomic.Bool{}, &outboxtest.Publisher{}
	ill.Store(true)
	publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		for i := range records {
			if step == outboxtest.Committing && ill.Load() &&
				strings.Contains(string(records[i].Value), strconv.Quote(sku)) {
				return &outbox.RejectedError{Class: outbox.TooLarge, Err: errors.New("over the topic's limit")}
			}
		}
		return nil
	})
	metrics := outbox.NewMetrics(prometheus.NewRegistry(), "test", s.Outbox)
	config.Recovery = s.recovery
	relay := outbox.NewRelay(s.Outbox, publisher, config, metrics, logger)
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := relay.Run(ctx); err != nil {
			s.t.Error(err)
		}
	})
	s.stopRelay = func() {
		cancel()
		ended.Wait()
	}
	s.t.Cleanup(s.stopRelay)
	return ill, publisher
}

// StopRelay stops the relay. The relay may write to the file for a while after its last message.
func (s *Service) StopRelay() { s.stopRelay() }

// AwaitParked waits until n messages are parked and every other one is published.
func (s *Service) AwaitParked(n int) {
	s.t.Helper()
	clocktest.Eventually(s.t, "the sick messages are parked and no other waits",
		func() bool { return s.Outbox.Parked() == n && s.Outbox.Backlog() == 0 })
}

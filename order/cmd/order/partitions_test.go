package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/outbox"
)

func TestOutbox_PartitionsOnlyGrowUpToThoseOfTheTopic(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	grow := func(n int) (string, error) {
		var out bytes.Buffer
		err := (&outboxPartitionsCmd{Remote: outboxRemote{running{Target: service.URL}}, N: n}).
			run(t.Context(), &out)
		return out.String(), err
	}
	if _, err := grow(5); err == nil || !strings.Contains(err.Error(), "the log has not been reached yet") {
		t.Errorf("before the topic is known: %v", err)
	}
	_, publisher := service.PublishRefusing("nothing", outbox.RelayConfig{}, zerolog.Nop())
	clocktest.Eventually(t, "the topic is known", func() bool { return service.Outbox.Partitions() == 3 })
	for _, n := range []int{0, -1, 2, 4} {
		if _, err := grow(n); err == nil {
			t.Errorf("%d partitions of 3 were taken", n)
		}
	}
	publisher.AddPartitions(3)
	clocktest.Eventually(t, "the new partitions are known", func() bool {
		said, err := grow(6)
		return err == nil && said == "new messages go to 6 partitions, from sequence 1 on\n"
	})
}

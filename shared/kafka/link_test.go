package kafka_test

import (
	"context"
	"errors"
	"testing"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/kafka"
	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/kafka/devbroker"
)

// TestConsumer_KnowsWhetherKafkaCanBeReached takes the broker away and gives it back, while somebody fetches and while
// nobody does.
func TestConsumer_KnowsWhetherKafkaCanBeReached(t *testing.T) {
	config := devbroker.Config{DataDir: t.TempDir()}
	var broker *devbroker.Broker
	start := func() {
		t.Helper()
		var err error
		if broker, err = devbroker.Start(config); err != nil {
			t.Fatal(err)
		}
		config.Listen = broker.Addr()
	}
	stop := func() {
		t.Helper()
		if err := broker.Stop(); err != nil {
			t.Error(err)
		}
	}
	start()
	t.Cleanup(func() { stop() })
	c := consumer(t, config.Listen, "orders")
	if link := c.Link(); link.State != kafka.LinkConnecting || link.Since.IsZero() {
		t.Errorf("before it was ever connected: %+v", link)
	}
	assigned := make(chan error, 1)
	go func() { assigned <- c.Assign(t.Context(), nil) }()
	clocktest.Eventually(t, "it waits for the topic", func() bool {
		link := c.Link()
		return link.State == kafka.LinkConnecting && link.Error == "there is no topic orders yet"
	})
	brokertest.Create(t, config.Listen, "orders", 2)
	if err := <-assigned; err != nil {
		t.Fatal(err)
	}
	is := func(want kafka.LinkState) (link kafka.Link) {
		t.Helper()
		clocktest.Eventually(t, "the link is "+string(want), func() bool {
			link = c.Link()
			return link.State == want
		})
		if (link.Error == "") != (want == kafka.LinkUp) {
			t.Errorf("the error is %q", link.Error)
		}
		return link
	}
	up := is(kafka.LinkUp)
	stop() // nobody fetches
	down := is(kafka.LinkDown)
	if !down.Since.After(up.Since) {
		t.Errorf("down since %v, up since %v", down.Since, up.Since)
	}
	start()
	up = is(kafka.LinkUp)

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := c.Fetch(ctx, 1)
		ended <- err
	}()
	stop()
	down = is(kafka.LinkDown)
	if again := is(kafka.LinkDown); again.Since != down.Since || !down.Since.After(up.Since) {
		t.Errorf("down since %v and %v, up since %v", down.Since, again.Since, up.Since)
	}
	start()
	is(kafka.LinkUp)
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

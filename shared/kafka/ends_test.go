package kafka_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
)

// The topic is read in parts. Nothing counts as through until everything was returned and Fetch was called again.
// Control records stand at the end of the partitions too.
func TestThrough_IsWhatWasTakenOver(t *testing.T) {
	dev := devbrokertest.Start(t, devbroker.Config{DataDir: t.TempDir()})
	publishTo(t, dev.Addr(), "orders", 1, 10)
	written := time.Now()
	c := consumer(t, dev.Addr(), "orders")
	if err := c.Assign(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	clocktest.Eventually(t, "it is behind", c.Behind)
	for range 2 {
		fetch(t, c, 5)
		if through := c.Through(); !through.IsZero() { // whoever has the last five may still lose them
			t.Fatalf("through %s, and not all was taken over", through)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := c.Fetch(ctx, 1)
		done <- err
	}()
	clocktest.Eventually(t, "all is through", func() bool { return !c.Through().Before(written) })
	if c.Behind() {
		t.Error("it is behind and all is through")
	}
	later := time.Now()
	clocktest.Eventually(t, "the moment follows the present", func() bool { return c.Through().After(later) })
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// Records wait that nobody fetches. Then the broker is gone.
func TestBehind_IsFalseWithoutABroker(t *testing.T) {
	dev, err := devbroker.Start(devbroker.Config{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	publishTo(t, dev.Addr(), "orders", 1, 3)
	c := consumer(t, dev.Addr(), "orders")
	if err := c.Assign(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	clocktest.Eventually(t, "it is behind", c.Behind)
	if err := dev.Stop(); err != nil {
		t.Fatal(err)
	}
	clocktest.Eventually(t, "nobody knows any more", func() bool { return !c.Behind() })
}

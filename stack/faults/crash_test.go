//go:build crash

package faults_test

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/shared/clock/clocktest"
	"ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

// crashPoints are where the process kills itself, and at which pass. A database's first passes belong to its opening.
var crashPoints = []struct {
	name string
	pass int
}{
	{"boltdb.before-commit", 12}, {"boltdb.after-commit", 12},
	{"outbox.before-publish", 2}, {"outbox.after-publish", 1}, {"outbox.after-publish", 3},
	{"broker.before-offsets", 2}, {"broker.before-commit", 1}, {"broker.before-commit", 3},
	{"activity.counted", 2}, {"activity.applied", 1}, {"activity.applied", 3},
}

// TestServices_SurviveEachCrashPoint has the process kill itself at each point while orders are placed one after the
// other. After a restart, every order is in the topic once and in the statistics once.
func TestServices_SurviveEachCrashPoint(t *testing.T) {
	cluster := kafka.ForTest(t)
	services := newChild(t, t.TempDir(), cluster.Addr())
	shop, err := orders.New(client.Config{URL: services.orderURL(), AttemptTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer shop.Close()
	total := 0
	for i, point := range crashPoints {
		name := fmt.Sprintf("%s:%d", point.name, point.pass)
		// it may die before it is ready, because remaining work can take it past its point
		services.launch("ORDERTALLY_CRASH=" + name)
		restarted := make(chan struct{})
		placed := make(chan int, 1)
		go func() { placed <- placeUntil(t, shop, fmt.Sprintf("crash-%d", i), restarted) }()
		services.awaitDeath(name, 30*time.Second)
		services.start()
		close(restarted)
		total += <-placed
		clocktest.Eventually(t, name+": every order is counted", func() bool {
			return stacktest.CountedLately(t, services.activityURL()) >= int64(total)
		})
		services.kill()
	}
	services.start()
	stacktest.CheckTopic(t, cluster.Addr(), total)
	if got := stacktest.CountedLately(t, services.activityURL()); got != int64(total) {
		t.Errorf("%d orders are counted, want %d", got, total)
	}
	t.Logf("killed at %v with %d orders", crashPoints, total)
}

// arm sets the crash point that the running process dies at.
func (c *child) arm(point string) {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.process.input, point); err != nil {
		c.t.Fatal(err)
	}
}

// awaitDeath returns when the process has killed itself.
func (c *child) awaitDeath(cause string, limit time.Duration) {
	c.t.Helper()
	select {
	case <-c.process.ended:
	case <-time.After(limit):
		c.t.Fatalf("%s: the process did not end within %s", cause, limit)
	}
	if status, ok := c.process.command.ProcessState.Sys().(syscall.WaitStatus); !ok ||
		status.Signal() != syscall.SIGKILL {
		c.t.Fatalf("%s: the process ended with %v and not by SIGKILL", cause, c.process.command.ProcessState)
	}
	c.process = nil
}

// placeUntil places orders one after the other until stop is closed, and returns how many.
func placeUntil(t *testing.T, shop *orders.Client, key string, stop <-chan struct{}) (placed int) {
	draft := orders.OrderDraft{
		Currency: "EUR", Lines: []orders.DraftLine{{SKU: "a", Quantity: 1, UnitPrice: 100}},
	}
	for {
		select {
		case <-stop:
			return placed
		default:
		}
		once := orders.PlaceOrderParams{IdempotencyKey: fmt.Sprintf("%s-%d", key, placed)}
		if _, err := shop.PlaceOrder(t.Context(), once, draft); err != nil {
			t.Error(err)
			return placed
		}
		placed++
	}
}

package faults_test

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"ordertally/order/retail"
	"ordertally/shared/clock/clocktest"
	apache "ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

const kills = 50

// TestImport_GoesOnThroughKills kills the process of both services 50 times at random moments while the days are
// imported, and imports them again. Nothing is missing and nothing is there twice, in the statistics and in the topic.
func TestImport_GoesOnThroughKills(t *testing.T) {
	cluster := apache.ForTest(t)
	services := newChild(t, t.TempDir(), cluster.Addr())
	services.start()

	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var done atomic.Int64 // invoices answered since the last kill
	imported := make(chan error, 1)
	imports := 0
	startImport := func() {
		imports++
		go func() {
			_, err := stacktest.ImportRealOrders(ctx, services.orderURL(),
				retail.Options{Concurrency: 4, Progress: func(int, int) { done.Add(1) }})
			imported <- err
		}()
	}
	startImport()
	for kill := range kills {
		after := 1 + random.Int64N(10)
		delay := time.NewTimer(time.Duration(random.Int64N(int64(20 * time.Millisecond))))
		for tick := time.NewTicker(time.Millisecond); done.Load() < after; {
			select {
			case err := <-imported: // the days are done before the kills, so import them again
				if err != nil {
					t.Fatalf("import %d, after %d kills: %v", imports, kill, err)
				}
				startImport()
			case <-tick.C:
			}
		}
		<-delay.C
		services.kill()
		done.Store(0)
		services.start()
	}
	if err := <-imported; err != nil {
		t.Fatalf("import %d: %v", imports, err)
	}
	summary, err := stacktest.ImportRealOrders(ctx, services.orderURL(), retail.Options{})
	if err != nil || summary.Placed+summary.Replayed != stacktest.RealOrders {
		t.Fatalf("the last import: %+v, %v", summary, err)
	}
	clocktest.Eventually(t, "every order is counted",
		func() bool { return stacktest.CountedRealOrders(t, services.activityURL()) >= stacktest.RealOrders })
	stacktest.CheckRealDays(t, services.activityURL())
	stacktest.CheckTopic(t, cluster.Addr(), stacktest.RealOrders)
	t.Logf("%d kills over %d imports; the last import placed %d and replayed %d", kills, imports, summary.Placed,
		summary.Replayed)
}

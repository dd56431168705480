//go:build crash

package faults_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka/brokertest"
	"ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

// TestOrders_OnOneTopicPublishOnceThroughRoundsOfKills runs two order services on one topic. In each round one is
// killed inside a transaction. The transaction stays open and hides what the other one publishes behind it. Meanwhile
// the other one is killed and restarted too. In the end each message is in the topic once, and neither service has
// reported that Kafka lost anything.
//
// ORDERTALLY_SHARED_ROUNDS is the number of rounds, 3 unless set. ORDERTALLY_SEED repeats the choices of an earlier
// run.
func TestOrders_OnOneTopicPublishOnceThroughRoundsOfKills(t *testing.T) {
	rounds := int(number(t, "ORDERTALLY_SHARED_ROUNDS", 3))
	seed := number(t, "ORDERTALLY_SEED", uint64(time.Now().UnixNano()))
	cluster := kafka.ForTestWith(t, kafka.Options{Config: map[string]string{
		"transaction.abort.timed.out.transaction.cleanup.interval.ms": "500", // 10 s by default
	}})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("again: ORDERTALLY_SEED=%d ORDERTALLY_SHARED_ROUNDS=%d make faults", seed, rounds)
		}
	})
	s := &shared{t: t, address: cluster.Addr()}
	for i := range s.services {
		s.services[i] = newShop(t, cluster.Addr(), fmt.Sprint("shop", i))
		s.place(s.services[i], 1)()
	}
	s.quiet()
	started := time.Now()
	for round := range rounds {
		s.round(round, rand.New(rand.NewPCG(seed, uint64(round))))
		if t.Failed() {
			return
		}
	}
	t.Logf("seed %d: %d rounds in %s, %d orders; at %d restarts an open transaction hid committed messages, %d "+
		"services waited for it; the longest time from a death to the other's restart was %s",
		seed, rounds, time.Since(started).Round(time.Second), s.placed.Load(), s.hidden, s.waited,
		s.longest.Round(time.Millisecond))
	if s.hidden < rounds*2/3 {
		t.Errorf("only in %d of %d rounds an open transaction hid anything", s.hidden, rounds)
	}
	if rounds >= 30 { // it takes some seconds
		s.recreated()
	}
}

// shared is the state of all rounds.
type shared struct {
	t        *testing.T
	address  string
	services [2]*shop
	placed   atomic.Int64
	hidden   int
	waited   int
	longest  time.Duration
}

// shop is one order service and its client.
type shop struct {
	*child
	name   string
	client *orders.Client
	orders atomic.Int64
}

func newShop(t *testing.T, address, name string) *shop {
	t.Helper()
	s := &shop{child: newChild(t, t.TempDir(), address), name: name}
	s.config.Activity = nil
	var err error
	s.client, err = orders.New(client.Config{URL: s.orderURL(), AttemptTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.client.Close)
	s.start()
	return s
}

// place places n orders, four at a time, through deaths and restarts of the service. It returns a function that waits
// for them.
func (s *shared) place(to *shop, n int64) (wait func()) {
	var placing sync.WaitGroup
	var next atomic.Int64
	for range min(n, 4) {
		placing.Go(func() {
			for next.Add(1) <= n {
				number := to.orders.Add(1)
				random := rand.New(rand.NewPCG(uint64(number), 1))
				draft := draft(random, fmt.Sprintf("%s-%d", to.name, number), false)
				once := orders.PlaceOrderParams{IdempotencyKey: draft.Reference}
				if _, err := to.client.PlaceOrder(s.t.Context(), once, draft); err != nil {
					s.t.Errorf("place %s: %v", draft.Reference, err)
					return
				}
				s.placed.Add(1)
			}
		})
	}
	return placing.Wait
}

func (s *shop) backlog() float64 {
	return stacktest.Metric(s.t, s.addresses.OrderOps, "order_outbox_backlog_messages")
}

// round kills one service inside a transaction, restarts the other meanwhile, and then restarts the first.
func (s *shared) round(round int, random *rand.Rand) {
	s.t.Helper()
	victim, other := s.services[round%2], s.services[1-round%2]
	name := fmt.Sprintf("round %d", round)
	victim.arm("broker.before-commit:1")
	placing := []func(){s.place(victim, 12)}
	victim.awaitDeath(name+": "+victim.name, 30*time.Second)
	died := time.Now()
	s.place(other, 4+random.Int64N(12))()
	clocktest.Eventually(s.t, name+": the other publishes behind the open transaction",
		func() bool { return other.backlog() == 0 })
	unrecorded := round%3 == 1 // dies after a commit, before that is recorded, so it has to read the topic
	if unrecorded {
		other.arm("outbox.after-publish:1")
		placing = append(placing, s.place(other, 3))
		other.awaitDeath(name+": "+other.name, 30*time.Second)
	} else {
		other.kill()
	}
	if brokertest.Hidden(s.t, s.address, event.Topic) > 0 {
		s.hidden++
	}
	other.start()
	s.longest = max(s.longest, time.Since(died))
	placing = append(placing, s.place(other, 5))
	if unrecorded {
		clocktest.Eventually(s.t, name+": the other waits for the open transaction, or it has ended",
			func() bool {
				waits := stacktest.Metric(s.t, other.addresses.OrderOps, "order_outbox_held_back_seconds") > 0
				if waits {
					s.waited++
				}
				return waits || other.backlog() == 0
			})
	}
	if round%5 == 4 { // nobody comes back: Kafka ends the transaction
		clocktest.Eventually(s.t, name+": the other publishes while the first is dead",
			func() bool { return other.backlog() == 0 })
	}
	victim.start()
	for _, wait := range placing {
		wait()
	}
	s.quiet()
	for _, shop := range s.services {
		if again := stacktest.Metric(s.t, shop.addresses.OrderOps, "order_outbox_republished_total"); again != 0 {
			s.t.Errorf("%s: %s says that Kafka had lost %v messages", name, shop.name, again)
		}
	}
	s.check(name)
}

// quiet returns when both have published everything.
func (s *shared) quiet() {
	s.t.Helper()
	clocktest.Eventually(s.t, "everything is published",
		func() bool { return s.services[0].backlog() == 0 && s.services[1].backlog() == 0 })
}

// check reads the committed records up to the high watermark: each order's message once.
func (s *shared) check(name string) {
	s.t.Helper()
	ids := map[string]int{}
	for _, record := range brokertest.ReadToHighWatermark(s.t, s.address, event.Topic) {
		envelope, err := cloudevent.Parse(record.Headers)
		if err != nil {
			s.t.Fatal(err)
		}
		if ids[envelope.ID]++; ids[envelope.ID] == 2 {
			s.t.Errorf("%s: the message %s of lineage %s, sequence %d, stands twice", name, envelope.ID,
				envelope.Lineage, envelope.Sequence)
		}
	}
	if len(ids) != int(s.placed.Load()) {
		s.t.Errorf("%s: %d messages of %d orders stand in the topic", name, len(ids), s.placed.Load())
	}
}

// recreated deletes and creates the topic while both services run. Both notice and publish again what they still have.
func (s *shared) recreated() {
	s.t.Helper()
	brokertest.Recreate(s.t, s.address, event.Topic, topicPartitions)
	there := time.Now()
	clocktest.Eventually(s.t, "both have published again", func() bool {
		return stacktest.Metric(s.t, s.services[0].addresses.OrderOps, "order_outbox_republished_total")+
			stacktest.Metric(s.t, s.services[1].addresses.OrderOps,
				"order_outbox_republished_total") >= float64(s.placed.Load())
	})
	took := time.Since(there)
	s.t.Logf("all is published again %s after the topic was there again", took.Round(time.Millisecond))
	s.check("made again")
}

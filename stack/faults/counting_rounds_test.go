//go:build crash

package faults_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka"
	"ordertally/shared/kafka/brokertest"
	apache "ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

// countingMoments are the moments at which the activity service is killed, in turn.
var countingMoments = []moment{
	{},
	{point: "activity.counted", passes: 10},
	{point: "boltdb.before-commit", passes: 10},
	{point: "boltdb.before-commit", passes: 10, later: 2 * time.Millisecond}, // during the bbolt commit
	{point: "boltdb.after-commit", passes: 10},
	{point: "activity.applied", passes: 10},
}

// TestActivity_CountsOnceThroughRoundsOfKills kills the activity service while it counts, round after round. Another
// consumer joins and leaves its group. A foreign producer publishes messages again, and poison. A second service beside
// it is left alone. In the end both have the same figures, and these are the figures of the orders placed.
//
// ORDERTALLY_COUNTING_ROUNDS is the number of rounds, 12 unless set. ORDERTALLY_SEED repeats the choices of an earlier
// run.
func TestActivity_CountsOnceThroughRoundsOfKills(t *testing.T) {
	rounds := int(number(t, "ORDERTALLY_COUNTING_ROUNDS", 12))
	seed := number(t, "ORDERTALLY_SEED", uint64(time.Now().UnixNano()))
	cluster := apache.ForTest(t)
	c := &counting{t: t, seed: seed, services: stacktest.StartServices(t, t.TempDir(), cluster.Addr()),
		hits: map[moment]int{}}
	c.child = newChild(t, t.TempDir(), cluster.Addr())
	c.child.config.WithoutOrder = true
	var err error
	if c.shop, err = orders.New(client.Config{URL: c.services.OrderURL()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.shop.Close)
	c.place(rand.New(rand.NewPCG(seed, 0)))
	c.child.start()
	clocktest.Eventually(t, "the topic is there",
		func() bool { return stacktest.CountedLately(t, c.services.ActivityURL()) == 1 })

	var running sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	for writer := range 4 {
		running.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(1000+writer)))
			for ctx.Err() == nil && c.place(random) {
				<-time.After(time.Duration(random.IntN(4)) * time.Millisecond)
			}
		})
	}
	running.Go(func() { c.meddle(ctx, cluster.Addr()) })
	running.Go(func() { c.joinAndLeave(ctx, cluster.Addr()) })
	began := time.Now()
	for round := range rounds {
		random := rand.New(rand.NewPCG(seed, uint64(round)))
		m := countingMoments[round%len(countingMoments)]
		point := m.arming(random)
		if point == "" {
			<-time.After(time.Duration(random.Int64N(int64(anyTime))))
			c.child.kill()
		} else {
			c.child.arm(point)
			c.child.awaitDeath(fmt.Sprintf("round %d of seed %d: %s", round, seed, point), 30*time.Second)
		}
		c.hits[m]++
		c.child.start()
	}
	stop()
	running.Wait()
	if t.Failed() {
		return
	}
	c.check()
	t.Logf("seed %d: %d rounds in %s, %d orders, %d messages published again, %d poisonous, the group joined %d "+
		"times; hits %v",
		seed, rounds, time.Since(began).Round(time.Second), c.orders.Load(), c.again, c.poisonous, c.joined.Load(),
		c.hits)
}

// counting is the state of all rounds.
type counting struct {
	t         *testing.T
	seed      uint64
	services  *stacktest.Services // orders, and the activity service that is left alone
	child     *child              // the one that is killed
	shop      *orders.Client
	orders    atomic.Int64
	revenue   atomic.Int64
	joined    atomic.Int64
	again     int
	poisonous int
	hits      map[moment]int
}

// place places an order and records it.
func (c *counting) place(random *rand.Rand) bool {
	quantity, price := 1+random.Int64N(9), random.Int64N(10_000)
	draft := orders.OrderDraft{
		Currency: "EUR", CustomerID: fmt.Sprintf("c%d", random.IntN(50)),
		Lines: []orders.DraftLine{{SKU: "a", Quantity: quantity, UnitPrice: price}},
	}
	if _, err := c.shop.PlaceOrder(c.t.Context(), orders.PlaceOrderParams{}, draft); err != nil {
		c.t.Error(err)
		return false
	}
	c.orders.Add(1)
	c.revenue.Add(quantity * price)
	return true
}

// meddle publishes messages of the topic again, with their lineage and without, and poison.
func (c *counting) meddle(ctx context.Context, address string) {
	producer, err := confluent.NewProducer(&confluent.ConfigMap{"bootstrap.servers": address, "acks": "all"})
	if err != nil {
		c.t.Error(err)
		return
	}
	defer producer.Close()
	reader := brokertest.NewReader(c.t, address, event.Topic)
	random := rand.New(rand.NewPCG(c.seed, 7))
	topic := event.Topic
	publish := func(r *kafka.Record, headers []cloudevent.Header, value []byte) {
		m := &confluent.Message{TopicPartition: confluent.TopicPartition{Topic: &topic, Partition: r.Partition},
			Key: r.Key, Value: value}
		for _, h := range headers {
			m.Headers = append(m.Headers, confluent.Header(h))
		}
		report := make(chan confluent.Event, 1)
		if err := producer.Produce(m, report); err != nil {
			c.t.Error(err)
			return
		}
		if sent := (<-report).(*confluent.Message); sent.TopicPartition.Error != nil {
			c.t.Error(sent.TopicPartition.Error)
		}
	}
	for ctx.Err() == nil {
		record, ok := reader.Next(c.t, time.Second)
		if !ok || len(record.Headers) == 0 || random.IntN(10) != 0 {
			continue
		}
		headers := record.Headers
		if random.IntN(2) == 0 {
			headers = stacktest.WithoutLineage(headers)
		}
		publish(&record, headers, record.Value)
		c.again++
		if random.IntN(10) == 0 {
			publish(&record, nil, []byte(fmt.Sprint("poison ", c.poisonous)))
			c.poisonous++
		}
	}
}

// joinAndLeave is another program's consumer that uses the service's group id, and commits its own offsets.
func (c *counting) joinAndLeave(ctx context.Context, address string) {
	for ctx.Err() == nil {
		consumer, err := confluent.NewConsumer(&confluent.ConfigMap{
			"bootstrap.servers": address, "group.id": "ordertally-activity", "auto.offset.reset": "earliest",
			"session.timeout.ms": 6000,
		})
		if err != nil {
			c.t.Error(err)
			return
		}
		if err := consumer.SubscribeTopics([]string{event.Topic}, nil); err != nil {
			c.t.Error(err)
		}
		for read := 0; read < 200 && ctx.Err() == nil; {
			if _, ok := consumer.Poll(100).(*confluent.Message); ok {
				read++
			}
		}
		_, _ = consumer.Commit() // nothing to commit is no error here
		if err := consumer.Close(); err != nil {
			c.t.Error(err)
		}
		c.joined.Add(1)
	}
}

// check waits until both services have read everything, and compares them with each other and with the orders placed.
func (c *counting) check() {
	t := c.t
	t.Helper()
	clocktest.Eventually(t, "all is published", func() bool {
		return stacktest.Metric(t, c.services.Addresses.OrderOps, "order_outbox_backlog_messages") == 0
	})
	orders := c.orders.Load()
	ops := []string{c.services.Addresses.ActivityOps, c.child.addresses.ActivityOps}
	bases := []string{c.services.ActivityURL(), c.child.activityURL()}
	for i := range ops {
		var counted int64
		var lag, parked float64
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("service %d counted %d of %d orders, parked %v of %d messages, is %v behind", i, counted, orders,
					parked, c.poisonous, lag)
			}
		})
		clocktest.Within(t, 2*time.Minute, "a service has read all", func() bool {
			counted, lag = stacktest.CountedLately(t, bases[i]), stacktest.Lag(t, ops[i])
			parked = stacktest.Metric(t, ops[i], "activity_parked_messages")
			return counted >= orders && lag == 0 && parked == float64(c.poisonous)
		})
	}
	var counted, revenue int64
	for _, date := range []string{time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly),
		time.Now().UTC().Format(time.DateOnly)} {
		var bodies []string
		for _, base := range bases {
			bodies = append(bodies, figuresOf(t, base, date))
		}
		if bodies[0] != bodies[1] {
			t.Errorf("%s\nleft alone %s\nkilled     %s", date, bodies[0], bodies[1])
		}
		f := stacktest.Day(t, bases[1], date, "UTC")
		counted += f.Count
		revenue += f.Revenue["EUR"]
	}
	if counted != orders || revenue != c.revenue.Load() {
		t.Errorf("%d orders of %d cents are counted, want %d of %d", counted, revenue, orders, c.revenue.Load())
	}
	if duplicates := stacktest.Metric(t, ops[0], "activity_duplicates_total"); duplicates != float64(c.again) {
		t.Errorf("%v messages were refused as counted before, want %d", duplicates, c.again)
	}
}

// figuresOf returns a day without what depends on the time of the question.
func figuresOf(t *testing.T, base, date string) string {
	t.Helper()
	response, err := http.Get(base + "/v1/activities/ORDER_CREATED/days/" + date)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var body map[string]json.RawMessage
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"as_of", "lag", "final"} {
		delete(body, name)
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

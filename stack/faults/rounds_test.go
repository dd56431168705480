//go:build crash

package faults_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ordertally/activity/activityd"
	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/kafka"
	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/outbox"
	apache "ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

const (
	ordersARound = 500 // more if a strike takes longer
	checkEvery   = 20  // rounds
	// topicLimit is the largest message of the topic in bytes: larger than what all orders of a batch in one partition
	// take, smaller than an order that is meant as poison.
	topicLimit = 100_000
	// anyTime bounds the moment of a kill from outside. A start with its first transactions takes about as long.
	anyTime = 200 * time.Millisecond
)

// moment tells where a strike falls.
type moment struct {
	point  string        // a crash point; "" is a kill from outside at any time
	passes int           // strikes at one of the first so many passes of the point
	later  time.Duration // strikes up to this long after the pass, while the process goes on; 0 is at the point
	poison bool          // passed only when Kafka refuses orders
	start  bool          // passed only when the service starts
}

// moments are taken in turn. A new crash point needs a line here and nothing else.
var moments = []moment{
	{},
	{point: "boltdb.before-commit", passes: 40},
	{point: "boltdb.before-commit", passes: 40, later: 2 * time.Millisecond}, // during the bbolt commit
	{point: "boltdb.after-commit", passes: 40},
	{point: "outbox.before-claim", passes: 1, start: true},
	{point: "outbox.after-claim", passes: 1, start: true},
	{point: "outbox.before-publish", passes: 6},
	{point: "broker.before-offsets", passes: 6},
	{point: "broker.before-commit", passes: 6},
	{point: "broker.before-commit", passes: 6, later: 4 * time.Millisecond}, // during the Kafka commit
	{point: "outbox.after-publish", passes: 6},
	{point: "outbox.after-skip", passes: 3, poison: true},
	{point: "outbox.after-requeue", passes: 2, poison: true},
}

func (m moment) String() string {
	switch {
	case m.point == "":
		return "any time"
	case m.later > 0:
		return fmt.Sprintf("%s and up to %s", m.point, m.later)
	}
	return m.point
}

// arming returns what arms the moment's crash point at a random pass, or "" for a kill from outside.
func (m moment) arming(random *rand.Rand) string {
	if m.point == "" {
		return ""
	}
	point := fmt.Sprintf("%s:%d", m.point, 1+random.IntN(m.passes))
	if m.later > 0 {
		point += ":" + time.Duration(random.Int64N(int64(m.later))).String()
	}
	return point
}

// TestOrder_PublishesOnceThroughRoundsOfKills kills the order service while orders are placed, round after round: once
// while it runs, and once while it restarts. Afterwards every acknowledged order is in the topic once, in order, and is
// counted once.
//
// ORDERTALLY_ROUNDS is the number of rounds, 20 unless set. ORDERTALLY_SEED repeats the choices of an earlier run:
// load, orders and strikes, but not how threads interleave.
func TestOrder_PublishesOnceThroughRoundsOfKills(t *testing.T) {
	rounds := int(number(t, "ORDERTALLY_ROUNDS", 20))
	s := &siege{
		t: t, seed: number(t, "ORDERTALLY_SEED", uint64(time.Now().UnixNano())), ledger: newLedger(),
		hits:    map[moment]int{},
		cluster: apache.ForTest(t),
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("again: ORDERTALLY_SEED=%d ORDERTALLY_ROUNDS=%d make faults", s.seed, rounds)
		}
	})
	s.begin()
	started := time.Now()
	for round := 1; round <= rounds && !t.Failed(); round++ {
		s.round(round)
		if round%checkEvery == 0 || round == rounds {
			s.checkTopic(round, false)
			t.Logf("checked the topic after %d rounds and %s: %d orders, %d of them poison", round,
				time.Since(started).Round(time.Second), len(s.ledger.orders), s.ledger.poison)
		}
	}
	if t.Failed() {
		return
	}
	s.publishPoison()
	s.checkTopic(rounds, true)
	s.checkCounts()
	t.Logf("seed %d: %d rounds in %s, %d orders, %d cancelled, %d answered as replays\n%s",
		s.seed, rounds, time.Since(started).Round(time.Second), len(s.ledger.orders), len(s.ledger.cancelled),
		s.replays.Load(), s.table())
}

// number reads an environment variable.
func number(t *testing.T, name string, standard uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return standard
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		t.Fatalf("%s=%q: want a whole number above 0", name, text)
	}
	return n
}

// siege is the state of all rounds.
type siege struct {
	t       *testing.T
	seed    uint64
	cluster *apache.Kafka
	service *child
	client  *orders.Client
	once    *orders.Client // makes one attempt per call
	ledger  *ledger
	hits    map[moment]int
	replays atomic.Int64
	// attempts counts the attempts with a key of their own.
	attempts atomic.Int64

	reader    *brokertest.Reader // of the topic as it grows
	following *checker

	activity *activityd.Config // of the service that counts at the end
}

// begin starts the service, makes it create the topic, and sets the topic's limit.
func (s *siege) begin() {
	s.t.Helper()
	s.service = newChild(s.t, s.t.TempDir(), s.cluster.Addr())
	s.activity, s.service.config.Activity = s.service.config.Activity, nil
	var err error
	config := client.Config{URL: s.service.orderURL(), AttemptTimeout: 5 * time.Second}
	s.client, err = orders.New(config)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.client.Close)
	config.RetryFor = -1
	if s.once, err = orders.New(config); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(s.once.Close)
	s.tune(rand.New(rand.NewPCG(s.seed, 0)))
	s.service.start()
	s.place(0, 0, false)
	s.awaitQuiet(0)
	brokertest.Limit(s.t, s.cluster.Addr(), event.Topic, topicLimit)
	s.reader, s.following = brokertest.NewReader(s.t, s.cluster.Addr(), event.Topic), newChecker(s.ledger)
}

// tune chooses how the service publishes after its next start.
func (s *siege) tune(random *rand.Rand) {
	// with few, most orders are read back from the file
	s.service.config.Order.Outbox.QueueMessages = []int{16, 10_000}[random.IntN(2)]
	s.service.config.Order.Relay = outbox.RelayConfig{
		BatchMessages: []int{8, 32, 128}[random.IntN(3)], MaxAttempts: 3,
		Retry: outbox.Backoff{First: time.Millisecond, Limit: 10 * time.Millisecond},
	}
}

// round places orders and strikes meanwhile. It strikes again while the service restarts, except with poison, which
// takes seconds. Then it waits until nothing is left to publish.
func (s *siege) round(round int) {
	t := s.t
	t.Helper()
	began := time.Now()
	random := rand.New(rand.NewPCG(s.seed, uint64(round)))
	running := slices.DeleteFunc(slices.Clone(moments), func(m moment) bool { return m.start })
	first := running[round%len(running)]
	calm := slices.DeleteFunc(slices.Clone(moments), func(m moment) bool { return m.poison })
	second := calm[(round+round/len(moments)+len(calm)/2)%len(calm)]
	writers := 1 + random.IntN(16)
	load := &load{
		siege: s, round: round, pause: time.Duration(random.IntN(3)) * time.Millisecond,
		strikeAt: 1 + random.Int64N(ordersARound/2), due: make(chan struct{}), struck: make(chan struct{}),
	}
	name := fmt.Sprintf("round %d of seed %d (%s, then %s; %d writers)", round, s.seed, first, second, writers)
	var placing sync.WaitGroup
	for range writers {
		placing.Go(load.place)
	}
	select {
	case <-load.due:
	case <-time.After(30 * time.Second):
		t.Fatalf("%s: %d orders were answered within 30 s", name, load.answered.Load())
	}
	s.strike(name, first, random, func(point string) {
		s.service.arm(point)
		if first.poison {
			placing.Go(load.poison)
		}
	})
	s.tune(random)
	s.strike(name, second, random, func(point string) { s.service.launch("ORDERTALLY_CRASH=" + point) })
	close(load.struck)
	s.service.start()
	placing.Wait()
	s.awaitQuiet(round)
	s.follow(round)
	t.Logf("%s: %d orders in %s", name, load.answered.Load(), time.Since(began).Round(time.Millisecond))
}

// strike kills the service. arm gets the crash point, or "" for a kill from outside.
func (s *siege) strike(round string, m moment, random *rand.Rand, arm func(point string)) {
	s.t.Helper()
	point := m.arming(random)
	arm(point)
	if point == "" {
		<-time.After(time.Duration(random.Int64N(int64(anyTime))))
		s.service.kill()
	} else {
		s.service.awaitDeath(round+": "+point, 30*time.Second)
	}
	s.hits[m]++
}

// awaitQuiet returns when everything is published or parked.
func (s *siege) awaitQuiet(round int) {
	s.t.Helper()
	var backlog, parked float64
	defer func() {
		if s.t.Failed() {
			s.t.Logf("backlog %v; %v parked, %d are poison", backlog, parked, s.ledger.poison)
		}
	}()
	clocktest.Eventually(s.t, fmt.Sprintf("after round %d nothing waits and the poison is parked", round),
		func() bool {
			backlog = stacktest.Metric(s.t, s.service.addresses.OrderOps, "order_outbox_backlog_messages")
			parked = stacktest.Metric(s.t, s.service.addresses.OrderOps, "order_outbox_parked_messages")
			return backlog == 0 && parked == float64(s.ledger.poison)
		})
}

// publishPoison raises the topic's limit and retries the parked messages.
func (s *siege) publishPoison() {
	s.t.Helper()
	brokertest.Limit(s.t, s.cluster.Addr(), event.Topic, kafka.MaxMessageBytes)
	answer, err := s.client.Ask(s.t.Context(), http.MethodPost, "/v1/outbox/parked/retry", nil,
		map[string]string{"class": "too_large", "reason": "limit raised"})
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Close()
	var done struct{ Retried int }
	if err := json.NewDecoder(answer).Decode(&done); err != nil || done.Retried != s.ledger.poison {
		s.t.Fatalf("%d of %d parked orders sent again: %v", done.Retried, s.ledger.poison, err)
	}
	clocktest.Eventually(s.t, "all is published", func() bool {
		return stacktest.Metric(s.t, s.service.addresses.OrderOps, "order_outbox_backlog_messages") == 0 &&
			stacktest.Metric(s.t, s.service.addresses.OrderOps, "order_outbox_parked_messages") == 0
	})
}

// follow reads the new part of the topic until every acknowledged order is there, and checks it.
func (s *siege) follow(round int) {
	s.t.Helper()
	for s.following.clean < len(s.ledger.orders)-s.ledger.poison+len(s.ledger.cancelled) {
		record, ok := s.reader.Next(s.t, time.Minute)
		if !ok {
			break
		}
		s.following.record(s.t, &record, round)
	}
	s.following.finish(s.t, false)
}

// checkTopic reads the whole topic and checks it.
func (s *siege) checkTopic(round int, poisonToo bool) {
	s.t.Helper()
	c := newChecker(s.ledger)
	for _, record := range brokertest.ReadAll(s.t, s.cluster.Addr(), event.Topic) {
		c.record(s.t, &record, round)
	}
	c.finish(s.t, poisonToo)
}

// checkCounts has a new activity service read the topic from its beginning.
func (s *siege) checkCounts() {
	s.t.Helper()
	s.service.kill()
	s.service.config.Activity = s.activity
	s.service.start()
	orders, value := s.ledger.sums()
	clocktest.Eventually(s.t, "every order is counted", func() bool {
		return stacktest.CountedLately(s.t, s.service.activityURL()) >= orders &&
			stacktest.Lag(s.t, s.service.addresses.ActivityOps) == 0
	})
	var counted, revenue, cancelled int64
	for _, date := range []string{time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly), "today"} {
		f := stacktest.Day(s.t, s.service.activityURL(), date, "UTC")
		counted += f.Count
		revenue += f.Revenue["EUR"]
		var day struct{ Count int64 }
		stacktest.GetJSON(s.t, s.service.activityURL()+"/v1/activities/ORDER_CANCELLED/days/"+date, &day)
		cancelled += day.Count
	}
	if cancelled != int64(len(s.ledger.cancelled)) {
		s.t.Errorf("%d cancellations are counted, want %d", cancelled, len(s.ledger.cancelled))
	}
	if counted != orders || revenue != value {
		s.t.Errorf("%d orders of %d are counted, want %d of %d", counted, revenue, orders, value)
	}
}

// table lists how often each moment was struck.
func (s *siege) table() string {
	var text strings.Builder
	total := 0
	for _, m := range moments {
		fmt.Fprintf(&text, "%6d  %s\n", s.hits[m], m)
		total += s.hits[m]
	}
	fmt.Fprintf(&text, "%6d  strikes", total)
	return text.String()
}

// load is the orders of one round, placed by several writers at once.
type load struct {
	siege *siege
	round int
	pause time.Duration // between two orders of a writer

	next     atomic.Int64 // the last order that a writer took
	answered atomic.Int64
	strikeAt int64
	due      chan struct{} // closed once so many were answered
	struck   chan struct{} // closed after the last strike: until then the round has more orders
}

// place is one writer.
func (l *load) place() {
	for {
		n := l.next.Add(1)
		pause := l.pause
		if n > ordersARound {
			select {
			case <-l.struck:
				return
			default:
				pause += 50 * time.Millisecond // they only keep things going
			}
		}
		if !l.siege.place(l.round, n, false) {
			return
		}
		if l.answered.Add(1) == l.strikeAt {
			close(l.due)
		}
		if pause > 0 {
			<-time.After(pause)
		}
	}
}

// poison places an order that is too large for the topic. It is refused on each of its attempts, then skipped. That
// reaches every pass of the moments that need it.
func (l *load) poison() { l.siege.place(l.round, l.next.Add(1), true) }

// place places the n-th order of a round and records the answer. Some are placed a second time, as by a client that
// missed the answer. Every other order has a source and no lasting key. Only its reference keeps it from being placed
// twice.
func (s *siege) place(round int, n int64, poison bool) bool {
	random := rand.New(rand.NewPCG(s.seed^uint64(n), uint64(round))) // the same whoever places it
	draft := draft(random, fmt.Sprintf("%d-%d", round, n), poison)
	if random.IntN(2) == 0 {
		draft.Source = "siege"
	}
	key := "key-" + draft.Reference
	placed, err := s.send(&draft, key)
	if err == nil {
		err = s.ledger.add(round, key, &draft, poison, &placed)
	}
	if err != nil {
		s.t.Errorf("order %s: %v", key, err)
		return false
	}
	if placed.Replayed() {
		s.replays.Add(1)
	}
	repeat, cancel := random.IntN(20) == 0, random.IntN(10) == 0
	if cancel && !poison && !s.cancel(round, placed.Value.ID) {
		return false
	}
	if !repeat {
		return true
	}
	again, err := s.send(&draft, key)
	if err != nil || again.Value.ID != placed.Value.ID || !again.Replayed() {
		s.t.Errorf("order %s: first answered with %s, then with %s (replayed %v), %v", key, placed.Value.ID,
			again.Value.ID, again.Replayed(), err)
		return false
	}
	return true
}

// cancel cancels an order, repeatedly if need be, and notes the answer.
func (s *siege) cancel(round int, id string) bool {
	answer, err := s.client.CancelOrder(s.t.Context(), id, orders.CancelOrderParams{IdempotencyKey: "cancel"},
		orders.OrderCancellation{Reason: "siege"})
	if err != nil || answer.Value.Status != orders.StatusCancelled || answer.Value.ID != id {
		s.t.Errorf("cancellation of %s: %+v, %v", id, answer.Value, err)
		return false
	}
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	s.ledger.cancelled[id] = round
	return true
}

// send places an order, repeatedly if needed. An order with a source gets a new key at each attempt.
func (s *siege) send(draft *orders.OrderDraft, key string) (client.Answer[orders.PlacedOrder], error) {
	if draft.Source == "" {
		return s.client.PlaceOrder(s.t.Context(), orders.PlaceOrderParams{IdempotencyKey: key}, *draft)
	}
	for began := time.Now(); ; {
		another := orders.PlaceOrderParams{IdempotencyKey: fmt.Sprint(key, "-", s.attempts.Add(1))}
		placed, err := s.once.PlaceOrder(s.t.Context(), another, *draft)
		if err == nil || time.Since(began) > time.Minute {
			return placed, err
		}
		if p, answered := errors.AsType[client.Problem](err); answered &&
			p.Status < http.StatusInternalServerError {
			return placed, err
		}
		<-time.After(time.Duration(rand.Int64N(int64(200 * time.Millisecond))))
	}
}

// draft makes up an order of one to five lines, or one that is too large for the topic.
func draft(random *rand.Rand, reference string, poison bool) orders.OrderDraft {
	d := orders.OrderDraft{Reference: reference, CustomerID: fmt.Sprintf("c%d", random.IntN(100)), Currency: "EUR"}
	lines, description := 1+random.IntN(5), random.IntN(200)
	if poison {
		description = 500
		lines = 3 * topicLimit / 2 / description
	}
	for range lines {
		d.Lines = append(d.Lines, orders.DraftLine{
			SKU: fmt.Sprintf("sku-%d", random.IntN(1000)), Description: stacktest.Noise(random, description),
			Quantity: 1 + random.Int64N(10), UnitPrice: random.Int64N(10_000),
		})
	}
	return d
}

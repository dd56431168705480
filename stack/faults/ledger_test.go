//go:build crash

package faults_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka"
	"ordertally/stack/stacktest"
)

// ledger is what the order service acknowledged. It is kept outside the process that is killed.
type ledger struct {
	mu     sync.Mutex
	orders map[string]entry // by id
	poison int              // how many of them are poison
	// cancelled has the round in which a cancellation was acknowledged, by the order's id.
	cancelled map[string]int
}

// entry is one order answered with 201.
type entry struct {
	round   int
	key     string // idempotency key
	payload []byte // the expected message, from the answer
	total   int64
	poison  bool // too large for the topic
}

func newLedger() *ledger { return &ledger{orders: map[string]entry{}, cancelled: map[string]int{}} }

// add records an answer. It is an error if the answer is not the requested order, or has the id of another one.
func (l *ledger) add(
	round int, key string, draft *orders.OrderDraft, poison bool, answer *client.Answer[orders.PlacedOrder],
) error {
	placed := &answer.Value
	want := event.Order{
		ID: placed.ID, Source: draft.Source, Reference: draft.Reference, CustomerID: draft.CustomerID,
		Currency: draft.Currency, PlacedAt: placed.PlacedAt, Metadata: draft.Metadata,
	}
	for _, line := range draft.Lines {
		want.Lines = append(want.Lines, event.Line{
			SKU: line.SKU, Description: line.Description, Quantity: line.Quantity, UnitPrice: line.UnitPrice,
		})
		want.Total += line.Quantity * line.UnitPrice
	}
	var got event.Order
	if err := json.Unmarshal(answer.Raw, &got); err != nil {
		return err
	}
	payload := event.Encode(&got)
	if wanted := event.Encode(&want); !bytes.Equal(payload, wanted) {
		return fmt.Errorf("key %s: answered with %.300s, asked for %.300s", key, payload, wanted)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if other, taken := l.orders[placed.ID]; taken {
		return fmt.Errorf("keys %s and %s were answered with the same order, %s", other.key, key, placed.ID)
	}
	l.orders[placed.ID] = entry{round: round, key: key, payload: payload, total: placed.Total, poison: poison}
	if poison {
		l.poison++
	}
	return nil
}

// sums returns the number of orders and their value in minor units.
func (l *ledger) sums() (orders, value int64) {
	for _, e := range l.orders {
		orders++
		value += e.total
	}
	return orders, value
}

// checker compares a topic, as seen by a reader of committed records, with a ledger. Every acknowledged order is there
// once, in order, and no other.
type checker struct {
	ledger   *ledger
	ids      map[string]string // each name that may occur only once -> where it occurred
	last     map[string]uint64 // newest sequence of a key, and of a partition
	slots    []slot
	lineage  string
	clean    int // acknowledged orders that are there and are not poison, and acknowledged cancellations
	problems []problem
}

type problem struct {
	round int
	text  string
}

func newChecker(l *ledger) *checker {
	return &checker{ledger: l, ids: map[string]string{}, last: map[string]uint64{}}
}

// finish is called once nothing waits to be published and no order is being placed. It looks for what is missing and
// reports all problems, earliest round first.
func (c *checker) finish(t testing.TB, poisonToo bool) {
	t.Helper()
	for id, e := range c.ledger.orders {
		there := c.ids["order "+id] != ""
		switch {
		case !there && (poisonToo || !e.poison):
			c.problem(e.round, "order %s (key %s) was acknowledged and is not in the topic", id, e.key)
		case there && e.poison && !poisonToo:
			c.problem(e.round, "order %s (key %s) is too large for the topic, and there", id, e.key)
		}
	}
	for id, round := range c.ledger.cancelled {
		if c.ids["cancellation of "+id] == "" {
			c.problem(round, "the cancellation of order %s was acknowledged and is not in the topic", id)
		}
	}
	c.chain()
	slices.SortStableFunc(c.problems, func(a, b problem) int { return cmp.Compare(a.round, b.round) })
	const most = 20
	for i, p := range c.problems {
		if i == most {
			t.Errorf("... and %d problems more", len(c.problems)-most)
			break
		}
		t.Errorf("round %d: %s", p.round, p.text)
	}
}

// slot is a published slot.
type slot struct {
	sequence, previous uint64
	round              int
	where              string
}

func (c *checker) problem(round int, format string, args ...any) {
	c.problems = append(c.problems, problem{round, fmt.Sprintf(format, args...)})
}

// record takes the next record of a partition. round is the current one, for an order that the ledger does not know.
func (c *checker) record(t testing.TB, r *kafka.Record, round int) {
	t.Helper()
	envelope, o := stacktest.Decode(t, *r)
	if envelope.Type == event.TypeCancelled {
		c.cancellation(r, &envelope, round)
		return
	}
	e, acknowledged := c.ledger.orders[o.ID]
	if acknowledged {
		round = e.round
	}
	where := fmt.Sprintf("partition %d offset %d (order %s, slot %d, key %s)", r.Partition, r.Offset, o.ID,
		envelope.Sequence, e.key)
	switch {
	case !acknowledged:
		c.problem(round, "%s: reference %q was never acknowledged", where, o.Reference)
	case !bytes.Equal(e.payload, r.Value):
		c.problem(round, "%s: %.300s is not what was answered: %.300s", where, r.Value, e.payload)
	}
	if string(r.Key) != o.ID || envelope.Subject != o.ID || envelope.Type != event.TypeCreated ||
		envelope.Source != event.Source {
		c.problem(round, "%s: key %s, envelope %+v", where, r.Key, envelope)
	}
	if c.lineage == "" {
		c.lineage = envelope.Lineage
	}
	if envelope.Lineage == "" || envelope.Lineage != c.lineage {
		c.problem(round, "%s: lineage %q, others have %q", where, envelope.Lineage, c.lineage)
	}
	if acknowledged && !e.poison && c.ids["order "+o.ID] == "" {
		c.clean++
	}
	for _, name := range []string{
		"order " + o.ID, "reference " + o.Reference, "event " + envelope.ID,
		fmt.Sprintf("slot %d of %s", envelope.Sequence, envelope.Lineage),
	} {
		if first, twice := c.ids[name]; twice {
			c.problem(round, "%s stands at %s and at %s", name, first, where)
		}
		c.ids[name] = where
	}
	c.ordered(r, &envelope, round, where)
}

// cancellation takes the message of a cancellation, which must come after its order's.
func (c *checker) cancellation(r *kafka.Record, envelope *cloudevent.Envelope, round int) {
	id := string(r.Key)
	where := fmt.Sprintf("partition %d offset %d (cancellation of %s, slot %d)", r.Partition, r.Offset, id,
		envelope.Sequence)
	at, acknowledged := c.ledger.cancelled[id]
	switch {
	case !acknowledged:
		c.problem(round, "%s: was never acknowledged", where)
	case c.ids["order "+id] == "":
		c.problem(at, "%s: comes before its order", where)
	case c.ids["cancellation of "+id] == "":
		c.clean++
	}
	for _, name := range []string{
		"cancellation of " + id, "event " + envelope.ID,
		fmt.Sprintf("slot %d of %s", envelope.Sequence, envelope.Lineage),
	} {
		if first, twice := c.ids[name]; twice {
			c.problem(round, "%s stands at %s and at %s", name, first, where)
		}
		c.ids[name] = where
	}
	c.ordered(r, envelope, round, where)
}

// ordered checks that slots grow within a key, and within a partition.
func (c *checker) ordered(r *kafka.Record, envelope *cloudevent.Envelope, round int, where string) {
	for _, stream := range []string{"key " + string(r.Key),
		fmt.Sprintf("partition %d of lineage %s", r.Partition, envelope.Lineage)} {
		if envelope.Sequence <= c.last[stream] {
			c.problem(round, "%s: comes after slot %d in %s", where, c.last[stream], stream)
		}
		c.last[stream] = envelope.Sequence
	}
	c.slots = append(c.slots, slot{envelope.Sequence, envelope.Previous, round, where})
}

// chain checks that each message names the slot published before it.
func (c *checker) chain() {
	slices.SortFunc(c.slots, func(a, b slot) int { return cmp.Compare(a.sequence, b.sequence) })
	before := uint64(0)
	for _, s := range c.slots {
		if s.previous != before {
			c.problem(s.round, "%s: says that slot %d was published before it; it was %d", s.where, s.previous, before)
		}
		before = s.sequence
	}
}

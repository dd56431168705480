//go:build crash

package stack_test

import (
	"bytes"
	"fmt"
	"sort"
	"sync"
	"testing"

	"ordertally/order"
	"ordertally/order/orderclient"
	"ordertally/shared/broker"
	"ordertally/shared/event"
)

// ledger is what the order service acknowledged, kept outside the process that is killed.
type ledger struct {
	mu     sync.Mutex
	orders map[string]entry // by id
	poison int              // how many of them are
}

// entry is one 201.
type entry struct {
	round   int
	key     string // idempotency key
	payload []byte // what the message has to be, from the answer
	total   int64
	poison  bool // too large for the topic
}

func newLedger() *ledger { return &ledger{orders: map[string]entry{}} }

// add notes an answer. It is an error when the answer is not the order that was asked for, or has the id of another one.
func (l *ledger) add(round int, key string, draft *order.Draft, poison bool, answer *orderclient.Placed) error {
	want := event.Order{
		ID: answer.ID, Reference: draft.Reference, CustomerID: draft.CustomerID, Currency: draft.Currency, Lines: draft.Lines,
		PlacedAt: answer.PlacedAt, Metadata: draft.Metadata,
	}
	want.Total, _ = draft.Total()
	payload := event.Encode(&answer.Order.Order)
	if wanted := event.Encode(&want); !bytes.Equal(payload, wanted) {
		return fmt.Errorf("key %s: answered with %.300s, asked for %.300s", key, payload, wanted)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if other, taken := l.orders[answer.ID]; taken {
		return fmt.Errorf("keys %s and %s were answered with the same order, %s", other.key, key, answer.ID)
	}
	l.orders[answer.ID] = entry{round: round, key: key, payload: payload, total: answer.Total, poison: poison}
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

// check compares the whole topic, as a reader of committed records sees it, with the ledger, once no placement is under
// way and nothing waits: every acknowledged order stands there once, and no other. Poison is to be there only when
// poisonToo says so.
func (l *ledger) check(t testing.TB, records []broker.Record, poisonToo bool) {
	t.Helper()
	c := checker{ledger: l, ids: map[string]string{}, last: map[string]uint64{}}
	for i := range records {
		c.record(t, &records[i], poisonToo)
	}
	for id, e := range l.orders {
		if c.ids["order "+id] == "" && (poisonToo || !e.poison) {
			c.problem("order %s (key %s, round %d) was acknowledged and is not in the topic", id, e.key, e.round)
		}
	}
	c.chain()
	const most = 20
	sort.Strings(c.problems)
	for i, problem := range c.problems {
		if i == most {
			t.Errorf("... and %d problems more", len(c.problems)-most)
			break
		}
		t.Error(problem)
	}
}

// checker is one pass over a topic.
type checker struct {
	ledger   *ledger
	ids      map[string]string // every name that may occur once -> where it did
	last     map[string]uint64 // newest sequence of a key, and of a partition
	slots    []slot
	lineage  string
	problems []string
}

// slot is a published one.
type slot struct {
	sequence, previous uint64
	where              string
}

func (c *checker) problem(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

func (c *checker) record(t testing.TB, r *broker.Record, poisonToo bool) {
	t.Helper()
	envelope, o := decode(t, *r)
	e, acknowledged := c.ledger.orders[o.ID]
	where := fmt.Sprintf("partition %d offset %d (order %s, slot %d, key %s, round %d)", r.Partition, r.Offset, o.ID, envelope.Sequence, e.key, e.round)
	switch {
	case !acknowledged:
		c.problem("%s: reference %q was never acknowledged", where, o.Reference)
	case e.poison && !poisonToo:
		c.problem("%s: too large for the topic, and there", where)
	case !bytes.Equal(e.payload, r.Value):
		c.problem("%s: %.300s is not what was answered: %.300s", where, r.Value, e.payload)
	}
	if string(r.Key) != o.ID || envelope.Subject != o.ID || envelope.Type != event.TypeCreated || envelope.Source != event.Source {
		c.problem("%s: key %s, envelope %+v", where, r.Key, envelope)
	}
	if c.lineage == "" {
		c.lineage = envelope.Lineage
	}
	if envelope.Lineage == "" || envelope.Lineage != c.lineage {
		c.problem("%s: lineage %q, others have %q", where, envelope.Lineage, c.lineage)
	}
	for _, name := range []string{
		"order " + o.ID, "reference " + o.Reference, "event " + envelope.ID, fmt.Sprintf("slot %d of %s", envelope.Sequence, envelope.Lineage),
	} {
		if first, twice := c.ids[name]; twice {
			c.problem("%s stands at %s and at %s", name, first, where)
		}
		c.ids[name] = where
	}
	for _, stream := range []string{"key " + string(r.Key), fmt.Sprintf("partition %d of lineage %s", r.Partition, envelope.Lineage)} {
		if envelope.Sequence <= c.last[stream] {
			c.problem("%s: comes after slot %d in %s", where, c.last[stream], stream)
		}
		c.last[stream] = envelope.Sequence
	}
	c.slots = append(c.slots, slot{envelope.Sequence, envelope.Previous, where})
}

// chain checks that each message names the slot published before it.
func (c *checker) chain() {
	sort.Slice(c.slots, func(i, j int) bool { return c.slots[i].sequence < c.slots[j].sequence })
	before := uint64(0)
	for _, s := range c.slots {
		if s.previous != before {
			c.problem("%s: says that slot %d was published before it; it was %d", s.where, s.previous, before)
		}
		before = s.sequence
	}
}

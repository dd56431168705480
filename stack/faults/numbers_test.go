//go:build crash

package faults_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka"
	"ordertally/shared/kafka/brokertest"
	apache "ordertally/stack/kafka"
)

// TestOutbox_KeepsTheOrderOfAKeyThroughRoundsOfKills kills a program that sends sequences of messages for a few keys.
// Some messages are too large for the topic until the round's last start. Each key's numbers must be in the topic once,
// without a gap, in the order written. It runs a quarter of the rounds in ORDERTALLY_ROUNDS, but at least one for each
// moment.
func TestOutbox_KeepsTheOrderOfAKeyThroughRoundsOfKills(t *testing.T) {
	rounds := max(int(number(t, "ORDERTALLY_ROUNDS", 20))/4, len(moments))
	seed := number(t, "ORDERTALLY_SEED", uint64(time.Now().UnixNano()))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("again: ORDERTALLY_SEED=%d ORDERTALLY_ROUNDS=%d make faults", seed, 4*rounds)
		}
	})
	cluster := apache.ForTest(t)
	const topic, keys = "numbers", 4
	counting := newChild(t, "", cluster.Addr())
	counting.config = childConfig{Numbers: &numbersConfig{
		Data: filepath.Join(t.TempDir(), "numbers.db"), Broker: cluster.Addr(), Topic: topic, Keys: keys, Each: 20,
		Large: topicLimit * 3 / 2,
	}}
	written := &tally{last: map[string]int{}}
	counting.output = func(line string) { written.hear(t, line) }

	counting.start()
	written.await(t, keys*20)
	var reader *brokertest.Reader
	published := map[string]int{}
	slots := map[string]uint64{}
	read := func(round int) {
		t.Helper()
		for key, n := range written.newest() {
			for published[key] < n {
				record, ok := reader.Next(t, 20*time.Second)
				if !ok {
					t.Fatalf("round %d: the topic has %v, and %v were written", round, published, written.newest())
				}
				follows(t, round, &record, published, slots)
			}
		}
	}
	clocktest.Eventually(t, "the topic is there",
		func() bool { return len(brokertest.ReadAll(t, cluster.Addr(), topic)) > 0 })
	reader = brokertest.NewReader(t, cluster.Addr(), topic)
	read(0)
	counting.kill()

	strikes := 0
	for round := 1; round <= rounds && !t.Failed(); round++ {
		random := rand.New(rand.NewPCG(seed, uint64(round)))
		brokertest.Limit(t, cluster.Addr(), topic, topicLimit)
		for i := range 2 {
			m := moments[(round+i*(round/len(moments)+1))%len(moments)]
			point := m.arming(random)
			counting.launch("ORDERTALLY_CRASH=" + point)
			if point == "" {
				<-time.After(time.Duration(random.Int64N(int64(2 * anyTime))))
				counting.kill()
			} else {
				// The number of batches depends on timing. A program that never reaches its pass is killed at rest.
				counting.awaitDeathOrKill(5 * time.Second)
			}
			strikes++
		}
		brokertest.Limit(t, cluster.Addr(), topic, kafka.MaxMessageBytes)
		before := written.lines()
		counting.start()
		written.await(t, before+keys*20)
		read(round)
		counting.kill()
	}
	total := 0
	for _, n := range published {
		total += n
	}
	if all := len(brokertest.ReadAll(t, cluster.Addr(), topic)); all != total {
		t.Errorf("%d records in the topic, want %d", all, total)
	}
	t.Logf("seed %d: %d rounds, %d strikes, %d messages of %d keys", seed, rounds, strikes, total, keys)
}

// awaitDeathOrKill returns when the process has ended by itself, or kills it.
func (c *child) awaitDeathOrKill(limit time.Duration) {
	select {
	case <-c.process.ended:
		c.process = nil
	case <-time.After(limit):
		c.kill()
	}
}

// follows checks that a record is the next of its key, by number and by slot.
func follows(t *testing.T, round int, r *kafka.Record, published map[string]int, slots map[string]uint64) {
	t.Helper()
	envelope, err := cloudevent.Parse(r.Headers)
	if err != nil {
		t.Fatal(err)
	}
	var key string
	var n int
	if _, err := fmt.Fscan(bytes.NewReader(r.Value), &key, &n); err != nil || key != string(r.Key) {
		t.Fatalf("key %s: %.40q, %v", r.Key, r.Value, err)
	}
	if n != published[key]+1 {
		t.Errorf("round %d: %s has %d after %d (slot %d)", round, key, n, published[key], envelope.Sequence)
	}
	if envelope.Sequence <= slots[key] {
		t.Errorf("round %d: %s has slot %d after slot %d", round, key, envelope.Sequence, slots[key])
	}
	published[key], slots[key] = max(n, published[key]), envelope.Sequence
}

// tally is what the program says it has stored.
type tally struct {
	mu    sync.Mutex
	last  map[string]int
	count int
}

func (w *tally) hear(t *testing.T, line string) {
	var key string
	var n int
	if _, err := fmt.Sscan(line, &key, &n); err != nil {
		t.Errorf("%q: %v", line, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if n <= w.last[key] {
		t.Errorf("%s was given %d after %d", key, n, w.last[key])
	}
	w.last[key] = n
	w.count++
}

func (w *tally) newest() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	copied := map[string]int{}
	for key, n := range w.last {
		copied[key] = n
	}
	return copied
}

func (w *tally) lines() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

func (w *tally) await(t *testing.T, lines int) {
	t.Helper()
	clocktest.Eventually(t, fmt.Sprintf("%d messages are stored", lines),
		func() bool { return w.lines() >= lines })
}

package outbox_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"
	"go.etcd.io/bbolt"
	"go.uber.org/goleak"

	"ordertally/shared/boltdb"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
	"ordertally/shared/outbox/recovery"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is an outbox in a real file, with a relay to a publisher in memory.
type rig struct {
	damaged   bool // the test damages the file on purpose
	t         *testing.T
	path      string
	publisher *outboxtest.Publisher
	db        *boltdb.DB
	outbox    *outbox.Outbox
	recovery  *recovery.Recovery
	alone     bool                                    // without a recovery
	fork      bool                                    // as if started with --fork for the first time, at each opening
	through   func(outbox.Publisher) outbox.Publisher // nil for the publisher itself
	registry  *prometheus.Registry
	config    outbox.Config
	relay     outbox.RelayConfig
	running   *outbox.Relay // after start
	ended     chan error    // what Run returned, for tests that want to know
	appended  int
	stop      func()
}

// quick configures a relay that waits milliseconds where a real one waits seconds.
func quick() outbox.RelayConfig {
	return outbox.RelayConfig{
		MaxAttempts: 3,
		Retry:       outbox.Backoff{First: time.Millisecond, Factor: 1, Limit: time.Millisecond},
		Outage:      outbox.Backoff{First: time.Millisecond, Factor: 1, Limit: time.Millisecond},
	}
}

func newRig(t *testing.T) *rig {
	r := &rig{t: t, path: filepath.Join(t.TempDir(), "outbox.db"), publisher: &outboxtest.Publisher{}, relay: quick()}
	r.open()
	t.Cleanup(func() {
		r.close()
		if !r.damaged {
			r.isSound()
		}
	})
	return r
}

// isSound checks each record of the closed file, and the records that belong to it.
func (r *rig) isSound() {
	done, err := boltdb.CheckFile(context.Background(), r.path, func(record *boltdb.Record) error {
		if record.Key == nil {
			return nil
		}
		if record.Within(recovery.Root()) || string(record.Key) == string(recovery.Root()) {
			return recovery.Check(record)
		}
		if record.Within(thingsBucket) || string(record.Key) == string(thingsBucket) {
			return nil
		}
		return outbox.Checker(checkThing)(record)
	})
	if err != nil || len(done.Faults) > 0 {
		r.t.Errorf("the file afterwards: %v %q", err, done.Faults)
	}
}

func (r *rig) open() {
	r.t.Helper()
	var err error
	if r.db, err = boltdb.Open(r.path, boltdb.Options{}); err != nil {
		r.t.Fatal(err)
	}
	r.config.Content = contentOfThing
	if r.outbox, err = outbox.Open(r.t.Context(), r.db, r.config); err != nil {
		r.t.Fatal(err)
	}
	r.openRecovery()
	r.registry = prometheus.NewPedanticRegistry()
}

func (r *rig) openRecovery() {
	r.t.Helper()
	if r.fork {
		_ = recoveryOf(r, false)
	}
	var err error
	r.recovery, err = recovery.Open(r.t.Context(), r.db, r.outbox, recovery.Config{Fork: r.fork}, zerolog.Nop())
	if err != nil {
		r.t.Fatal(err)
	}
}

// start runs the relay until stop.
func (r *rig) start() {
	metrics := outbox.NewMetrics(r.registry, "test", r.outbox)
	config := r.relay
	if !r.alone {
		config.Recovery = r.recovery
	}
	var publisher outbox.Publisher = r.publisher
	if r.through != nil {
		publisher = r.through(publisher)
	}
	relay := outbox.NewRelay(r.outbox, publisher, config, metrics, zerolog.Nop())
	r.running = relay
	ctx, cancel := context.WithCancel(context.Background())
	var ended sync.WaitGroup
	ended.Go(func() {
		err := relay.Run(ctx)
		if r.ended != nil {
			r.ended <- err
		} else if err != nil {
			r.t.Errorf("the relay ended: %v", err)
		}
	})
	r.stop = func() {
		cancel()
		ended.Wait()
		r.stop = nil
	}
}

func (r *rig) close() {
	if r.stop != nil {
		r.stop()
	}
	if err := r.db.Close(); err != nil {
		r.t.Error(err)
	}
}

// restart closes the file and starts anew. The file cannot tell that from a new process.
func (r *rig) restart() {
	r.close()
	r.open()
	r.start()
}

// place appends one message for each key, each in its own transaction. The key is also the value.
func (r *rig) place(keys ...string) {
	r.t.Helper()
	for _, key := range keys {
		if err := r.db.Write(r.t.Context(), func(tx *boltdb.Tx) error {
			_, err := r.add(tx, outbox.Message{Key: []byte(key), Type: "T", Value: []byte(key)})
			return err
		}); err != nil {
			r.t.Fatal(err)
		}
	}
}

func (r *rig) await(n int) []outbox.Record {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	records, err := r.publisher.Await(ctx, n)
	if err != nil {
		r.t.Fatalf("%d records published, want %d: %v", len(records), n, err)
	}
	return records
}

func (r *rig) status(origin uint64) outbox.Status {
	r.t.Helper()
	var status outbox.Status
	if err := r.db.View(r.t.Context(), func(tx *bbolt.Tx) (err error) {
		status, err = r.outbox.Status(tx, origin)
		return err
	}); err != nil {
		r.t.Fatal(err)
	}
	return status
}

func values(records []outbox.Record) []string {
	var out []string
	for _, r := range records {
		out = append(out, string(r.Value))
	}
	return out
}

// exactlyOnce checks that each slot is published once, in ascending order. It also checks that ce_previous and
// ce_partitionprevious are the slots before it in the lineage and in the partition.
func exactlyOnce(t *testing.T, records []outbox.Record) {
	t.Helper()
	var previous uint64
	inPartition := map[int32]uint64{}
	for _, r := range records {
		envelope, err := cloudevent.Parse(
			append(r.Headers, cloudevent.Header{Key: cloudevent.HeaderSource, Value: []byte("/test")}))
		if err != nil {
			t.Fatal(err)
		}
		if envelope.Sequence != r.Slot || envelope.Sequence <= previous || envelope.Previous != previous {
			t.Fatalf("slot %d says sequence %d and previous %d, after slot %d", r.Slot, envelope.Sequence,
				envelope.Previous, previous)
		}
		if envelope.PartitionPrevious != inPartition[r.Partition] {
			t.Fatalf("slot %d says %d was before it in partition %d, and it was %d", r.Slot, envelope.PartitionPrevious,
				r.Partition, inPartition[r.Partition])
		}
		previous, inPartition[r.Partition] = envelope.Sequence, envelope.Sequence
	}
}

func TestRelay_PublishesOnceAndInOrderAcrossRestarts(t *testing.T) {
	r := newRig(t)
	r.place("a", "b") // before the relay runs, so that it must read them from the file
	r.start()
	r.await(2)
	r.place("c")
	r.await(3)
	r.stop()
	r.place("d", "e")
	r.restart()
	r.place("f")
	records := r.await(6)
	exactlyOnce(t, records)
	clocktest.Eventually(r.t, "the first batch is recorded",
		func() bool { return r.status(1).State == outbox.Published && !r.status(1).At.IsZero() })
	if got := values(records); !slices.Equal(got, []string{"a", "b", "c", "d", "e", "f"}) {
		t.Fatalf("published %v", got)
	}
	if s := r.status(1); s.State != outbox.Published || s.Attempts != 1 || s.At.IsZero() {
		t.Fatalf("status of the first: %+v", s)
	}
}

func TestRelay_NeverPublishesARolledBackMessage(t *testing.T) {
	r := newRig(t)
	r.start()
	refused := errors.New("the order is refused after its message was appended")
	err := r.db.Write(t.Context(), func(tx *boltdb.Tx) error {
		_, err := r.add(tx, outbox.Message{Key: []byte("k"), Type: "T", Value: []byte("never")})
		return errors.Join(err, refused)
	})
	if !errors.Is(err, refused) {
		t.Fatal(err)
	}
	r.place("a")
	records := r.await(1)
	exactlyOnce(t, records)
	if got := values(records); !slices.Equal(got, []string{"a"}) {
		t.Fatalf("published %v", got)
	}
}

func TestRelay_ReadsTheFileWhenTheQueueWasFull(t *testing.T) {
	r := newRig(t)
	r.close()
	r.config.QueueMessages = 5
	r.open()
	for i := range 37 { // the relay is not running: the queue fills and is dropped seven times
		r.place(fmt.Sprint(i))
	}
	r.start()
	for i := 37; i < 60; i++ {
		r.place(fmt.Sprint(i))
	}
	records := r.await(60)
	exactlyOnce(t, records)
	for i, value := range values(records) {
		if value != fmt.Sprint(i) {
			t.Fatalf("record %d is %s", i, value)
		}
	}
}

func TestRelay_ReadsBackAnUnknownOutcomeBeforeItSendsAgain(t *testing.T) {
	r := newRig(t)
	lost := 0
	r.publisher.Script(func(step outboxtest.Step, _ []outbox.Record) error {
		if step == outboxtest.Answering && lost < 5 {
			lost++
			return &outbox.OutageError{Class: outbox.Timeout, Err: errors.New("the answer is lost")}
		}
		return nil
	})
	r.start()
	for i := range 20 {
		r.place(fmt.Sprint(i))
	}
	records := r.await(20)
	clocktest.Eventually(r.t, "the position reaches the tail", func() bool { return r.outbox.Backlog() == 0 })
	exactlyOnce(t, r.publisher.Published())
	if len(records) != 20 || lost != 5 {
		t.Fatalf("%d records, %d lost answers", len(records), lost)
	}
}

func TestRelay_ChargesAnOutageToNoMessage(t *testing.T) {
	r := newRig(t)
	var failures sync.WaitGroup
	failures.Add(50)
	down := 50
	r.publisher.Script(func(step outboxtest.Step, _ []outbox.Record) error {
		if down > 0 {
			down--
			failures.Done()
			return &outbox.OutageError{Class: outbox.Unavailable, Err: errors.New("broker down")}
		}
		return nil
	})
	r.start()
	r.place("a", "b")
	failures.Wait()
	records := r.await(2)
	exactlyOnce(t, records)
	clocktest.Eventually(r.t, "the position reaches the tail", func() bool { return r.outbox.Backlog() == 0 })
	if s := r.status(1); s.Attempts != 1 || r.outbox.Parked() != 0 {
		t.Fatalf("status %+v, %d parked", s, r.outbox.Parked())
	}
	if n := testutil.ToFloat64(failureMetric(t, r, outbox.Unavailable)); n != 50 {
		t.Fatalf("%v failures counted as unavailable, want 50", n)
	}
}

// failureMetric returns one series of the registry as a collector.
func failureMetric(t *testing.T, r *rig, class outbox.Class) prometheus.Collector {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "copy", Help: "copy"})
	for _, family := range families {
		if family.GetName() != "test_outbox_publish_failures_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			if metric.GetLabel()[0].GetValue() == string(class) {
				gauge.Set(metric.GetCounter().GetValue())
			}
		}
	}
	return gauge
}

// poison refuses every batch that has one of the values in it, as Kafka does.
func poison(refused func(value string) bool) func(outboxtest.Step, []outbox.Record) error {
	return func(step outboxtest.Step, records []outbox.Record) error {
		if step == outboxtest.Committing &&
			slices.ContainsFunc(records, func(r outbox.Record) bool { return refused(string(r.Value)) }) {
			return &outbox.RejectedError{Class: outbox.TooLarge, Err: errors.New("message too large")}
		}
		return nil
	}
}

func TestRelay_ParksPoisonAndPublishesTheOthers(t *testing.T) {
	r := newRig(t)
	r.publisher.Script(poison(func(value string) bool { return value == "33" || value == "66" }))
	for i := range 100 {
		r.place(fmt.Sprint(i))
	}
	r.start()
	r.await(98)
	clocktest.Eventually(r.t, "both are parked",
		func() bool { return r.outbox.Parked() == 2 && r.outbox.Backlog() == 0 })
	records := r.publisher.Published()
	exactlyOnce(t, records)
	if len(records) != 98 || slices.Contains(values(records), "33") {
		t.Fatalf("%d published", len(records))
	}
	if s := r.status(34); s.State != outbox.Parked || s.Attempts != 3 || s.At.IsZero() {
		t.Fatalf("status of the poison: %+v", s)
	}
	if s := r.status(35); s.State != outbox.Published || s.Attempts != 1 {
		t.Fatalf("status of its neighbour: %+v", s)
	}
	oldest, err := r.outbox.OldestUnpublished(t.Context())
	if err != nil || !oldest.IsZero() {
		t.Fatalf("oldest unpublished: %v, %v", oldest, err)
	}
	r.restart() // a parked message stays parked
	r.place("100")
	r.await(99)
	if r.outbox.Parked() != 2 {
		t.Fatalf("%d parked after a restart", r.outbox.Parked())
	}
	exactlyOnce(t, r.publisher.Published())
}

// Messages of one key stay in order while one of them fails for a time, also through restarts. Other keys go on.
func TestRelay_KeepsTheOrderOfAKeyThroughRetries(t *testing.T) {
	r := newRig(t)
	r.relay.MaxAttempts = 50
	var mu sync.Mutex
	failing := true
	r.publisher.Script(poison(func(value string) bool {
		mu.Lock()
		defer mu.Unlock()
		return failing && value == "k-1"
	}))
	appendMessage := func(key string, n int) {
		if err := r.db.Write(t.Context(), func(tx *boltdb.Tx) error {
			_, err := r.add(tx,
				outbox.Message{Key: []byte(key), Type: "T", Value: fmt.Appendf(nil, "%s-%d", key, n)})
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	for n := range 5 {
		appendMessage("k", n)
		appendMessage("other", n)
	}
	r.start()
	r.await(6) // k-0 and all of the other key
	r.restart()
	for n := 5; n < 8; n++ {
		appendMessage("k", n)
		appendMessage("other", n)
	}
	r.await(9)
	if got := values(r.publisher.Published()); slices.Contains(got, "k-2") {
		t.Fatalf("a follower overtook: %v", got)
	}
	mu.Lock()
	failing = false
	mu.Unlock()
	records := r.await(16)
	exactlyOnce(t, records)
	next := map[string]int{}
	for _, record := range records {
		key := string(record.Key)
		if want := fmt.Sprintf("%s-%d", key, next[key]); string(record.Value) != want {
			t.Fatalf("got %s, want %s in %v", record.Value, want, values(records))
		}
		next[key]++
	}
	clocktest.Eventually(r.t, "nothing waits", func() bool { return r.outbox.Backlog() == 0 })
}

func TestRelay_ReleasesTheFollowersOfAParkedMessage(t *testing.T) {
	r := newRig(t)
	r.publisher.Script(poison(func(value string) bool { return value == "bad" }))
	for _, value := range []string{"bad", "second", "third"} {
		if err := r.db.Write(t.Context(), func(tx *boltdb.Tx) error {
			_, err := r.add(tx, outbox.Message{Key: []byte("k"), Type: "T", Value: []byte(value)})
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	r.start()
	records := r.await(2)
	exactlyOnce(t, records)
	if got := values(records); !slices.Equal(got, []string{"second", "third"}) {
		t.Fatalf("published %v", got)
	}
	clocktest.Eventually(r.t, "the poison is parked", func() bool { return r.outbox.Parked() == 1 })
}

// A value that changed on the disk must stop the relay. It must not reach Kafka.
func TestRelay_DoesNotPublishACorruptRow(t *testing.T) {
	r := newRig(t)
	r.damaged = true
	r.place("a")
	r.close()
	raw, err := bbolt.Open(r.path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := raw.Update(func(tx *bbolt.Tx) error {
		messages := tx.Bucket([]byte("outbox")).Bucket([]byte("messages"))
		key := binary.BigEndian.AppendUint64(nil, 1)
		value := slices.Clone(messages.Get(key))
		value[len(value)-1] ^= 1
		return messages.Put(key, value)
	}); err != nil {
		t.Fatal(err)
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	r.open()
	relay := outbox.NewRelay(r.outbox, r.publisher, quick(), outbox.NewMetrics(r.registry, "test", r.outbox),
		zerolog.Nop())
	if err := relay.Run(t.Context()); !errors.Is(err, boltdb.ErrCorrupt) {
		t.Fatalf("the relay ended with %v", err)
	}
	if published := r.publisher.Published(); len(published) != 0 {
		t.Fatalf("published %v", values(published))
	}
}

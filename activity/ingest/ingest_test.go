package ingest_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"ordertally/activity"
	"ordertally/activity/activitystore"
	"ordertally/activity/activitytest"
	"ordertally/activity/ingest"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	def     = activitytest.Orders()
	placed  = time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC)
	written = time.Date(2025, 11, 24, 12, 0, 0, 0, time.UTC)
)

// topic is a source that yields what was written to it, one call to write at a time.
type topic struct {
	writes chan []kafka.Record
	moves  chan kafka.Reposition
	failed chan error
	hold   chan struct{} // Assign waits for it

	behind    atomic.Bool
	mu        sync.Mutex
	assigned  map[int32]kafka.Position
	committed map[int32]int64
	waiting   map[int32]int64 // records that Fetch has not returned, or returned last
	last      []kafka.Record
}

func newTopic() *topic {
	t := &topic{
		writes: make(chan []kafka.Record, 100), moves: make(chan kafka.Reposition, 1), failed: make(chan error, 1),
		hold:      make(chan struct{}),
		committed: map[int32]int64{}, waiting: map[int32]int64{0: 0, 1: 0, 2: 0},
	}
	close(t.hold)
	return t
}

func (t *topic) write(records ...kafka.Record) {
	t.mu.Lock()
	for _, r := range records {
		t.waiting[r.Partition]++
	}
	t.mu.Unlock()
	t.writes <- records
}

func (t *topic) Assign(ctx context.Context, next map[int32]kafka.Position) error {
	select {
	case <-t.hold:
	case <-ctx.Done():
		return ctx.Err()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.assigned = next
	return nil
}

func (t *topic) Fetch(ctx context.Context, limit int) (kafka.Fetched, error) {
	t.mu.Lock()
	for _, r := range t.last {
		t.waiting[r.Partition]--
	}
	t.last = nil
	t.mu.Unlock()
	select {
	case records := <-t.writes:
		if len(records) > limit {
			return kafka.Fetched{}, fmt.Errorf("the test wrote %d records at once and the limit is %d", len(records),
				limit)
		}
		t.last = records
		return fetchedOf(records), nil
	case moved := <-t.moves:
		next := map[int32]kafka.Position{moved.Partition: {Offset: moved.To, LeaderEpoch: -1, TopicID: "t"}}
		return kafka.Fetched{Repositions: []kafka.Reposition{moved}, Next: next}, nil
	case err := <-t.failed:
		return kafka.Fetched{}, err
	case <-ctx.Done():
		return kafka.Fetched{}, ctx.Err()
	}
}

// fetchedOf is what a source returns that read these records.
func fetchedOf(records []kafka.Record) kafka.Fetched {
	f := kafka.Fetched{Records: records, Next: map[int32]kafka.Position{}}
	for _, r := range records {
		f.Next[r.Partition] = kafka.Position{
			Offset: r.Offset + 1, LeaderEpoch: r.LeaderEpoch, TopicID: "t",
			Checkpoints: []kafka.Checkpoint{{Offset: r.Offset, Identity: fmt.Sprint(r.Offset)}},
		}
	}
	return f
}

func (t *topic) Lag() map[int32]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return maps.Clone(t.waiting)
}

func (t *topic) PartitionsAdded() int { return 0 }

func (t *topic) Held() kafka.Held { return kafka.Held{} }

func (t *topic) Link() kafka.Link { return kafka.Link{State: kafka.LinkUp} }

func (t *topic) Behind() bool { return t.behind.Load() }

func (t *topic) Through() time.Time { return time.Time{} }

func (t *topic) CommitForMonitors(next map[int32]int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.Copy(t.committed, next)
}

// service is an ingest over a real store.
type service struct {
	t     *testing.T
	topic *topic
	store *activitystore.Store
	in    *ingest.Ingest
	reg   *prometheus.Registry
	stop  context.CancelFunc
	ended chan error
}

func openStore(t *testing.T) *activitystore.Store {
	t.Helper()
	return openStores(t, def)[0]
}

// openStores opens the stores of some activities in one new file.
func openStores(t *testing.T, activities ...activity.Definition) (stores activitystore.Stores) {
	t.Helper()
	db, err := boltdb.Open(filepath.Join(t.TempDir(), "activity.db"), boltdb.Options{Format: activitystore.Format})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, def := range activities {
		store, err := activitystore.Open(t.Context(), db, def, activitystore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		stores = append(stores, store)
	}
	return stores
}

// alone returns a store as one that no other is counted together with.
func alone(store *activitystore.Store) activitystore.Stores { return activitystore.Stores{store} }

func start(t *testing.T, topic *topic, store *activitystore.Store, wrapped ingest.Store) *service {
	t.Helper()
	return startWith(t, topic, store, wrapped, ingest.Config{RetryFull: time.Millisecond})
}

func startWith(t *testing.T, topic *topic, store *activitystore.Store, wrapped ingest.Store,
	config ingest.Config) *service {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	s := &service{t: t, topic: topic, store: store, reg: prometheus.NewRegistry(), stop: stop,
		ended: make(chan error, 1)}
	config.Clock = clock.NewManual(written.Add(30 * time.Millisecond))
	s.in = ingest.New(topic, wrapped, []activity.Definition{def}, config, ingest.NewMetrics(s.reg), zerolog.Nop())
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.ended <- s.in.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	return s
}

// finish waits until everything written is counted, then stops.
func (s *service) finish() {
	s.t.Helper()
	clocktest.Eventually(s.t, "nothing waits", func() bool {
		lag, known := s.in.Lag()
		total := int64(0)
		for _, n := range lag {
			total += n
		}
		return known && total == 0
	})
	s.stop()
	if err := <-s.ended; err != nil {
		s.t.Fatalf("Run ended with %v", err)
	}
}

func (s *service) count() (count int64) {
	s.t.Helper()
	q := activity.QuarterOf(placed)
	_, err := s.store.Read(s.t.Context(), activity.Span{From: q, To: q + 1},
		func(_ activity.Quarter, t *activity.Totals) { count += t.Count })
	if err != nil {
		s.t.Fatal(err)
	}
	return count
}

// metrics returns every series as name{label value} -> value, a histogram's being its count.
func (s *service) metrics() map[string]float64 {
	s.t.Helper()
	families, err := s.reg.Gather()
	if err != nil {
		s.t.Fatal(err)
	}
	values := make(map[string]float64)
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, l := range m.GetLabel() {
				name += "{" + l.GetValue() + "}"
			}
			switch family.GetType() {
			case dto.MetricType_HISTOGRAM:
				values[name] = float64(m.GetHistogram().GetSampleCount())
				values[name+" sum"] = m.GetHistogram().GetSampleSum()
			case dto.MetricType_COUNTER:
				values[name] = m.GetCounter().GetValue()
			default:
				values[name] = m.GetGauge().GetValue()
			}
		}
	}
	return values
}

func order(partition int32, offset int64, id string) kafka.Record {
	e := cloudevent.Envelope{ID: id, Source: event.Source, Type: event.TypeCreated, DataSchema: event.SchemaCreated}
	value := event.Encode(&event.Order{Currency: "GBP", Lines: []event.Line{{SKU: "a", Quantity: 2, UnitPrice: 50}},
		Total: 100, PlacedAt: placed})
	return kafka.Record{Partition: partition, Offset: offset, LeaderEpoch: 1, Timestamp: written, Headers: e.Headers(),
		Value: value}
}

func poison(partition int32, offset int64) kafka.Record {
	r := order(partition, offset, fmt.Sprint("poison", offset))
	r.Value = []byte("{")
	return r
}

func TestIngest_CountsPastPoisonAndDuplicates(t *testing.T) {
	topic, store := newTopic(), openStore(t)
	s := start(t, topic, store, alone(store))
	topic.write(order(0, 0, "a"), poison(0, 1), order(0, 2, "b"), order(1, 0, "a"))
	topic.write(poison(1, 1), order(1, 2, "c"))
	s.finish()
	if n := s.count(); n != 3 {
		t.Errorf("%d counted, want 3", n)
	}
	got := s.metrics()
	for name, want := range map[string]float64{
		"activity_counted_total{ORDER_CREATED}": 3, "activity_duplicates_total": 1, "activity_parked_messages": 2,
		"activity_poison_total{malformed}": 2, "activity_poison_total{tombstone}": 0, "activity_consumed_total": 6,
		"activity_lag_messages{0}": 0, "activity_lag_messages{1}": 0, "activity_lag_messages{2}": 0,
		"activity_batch_messages": 2, "activity_batch_messages sum": 6, "activity_placed_to_counted_seconds": 3,
	} {
		if value, exists := got[name]; !exists || value != want {
			t.Errorf("%s is %v, want %v", name, value, want)
		}
	}
	if sum := got["activity_placed_to_counted_seconds sum"]; sum < 0.089 || sum > 0.091 { // not from placed_at
		t.Errorf("placed to counted took %v s for three, want 0.09", sum)
	}
	if want := map[int32]int64{0: 3, 1: 3}; !maps.Equal(topic.committed, want) {
		t.Errorf("monitors were told %v, want %v", topic.committed, want)
	}
}

func TestIngest_GoesOnWhereTheStoreSays(t *testing.T) {
	store := openStore(t)
	first := newTopic()
	s := start(t, first, store, alone(store))
	first.write(order(0, 41, "a"), order(2, 7, "b"))
	s.finish()
	second := newTopic()
	s = start(t, second, store, alone(store))
	second.write(order(2, 7, "b"), order(2, 8, "c")) // one again, as after a rewind
	s.finish()
	want := fetchedOf([]kafka.Record{order(0, 41, "a"), order(2, 7, "b")}).Next
	if !reflect.DeepEqual(second.assigned, want) {
		t.Errorf("went on from %v, want %v", second.assigned, want)
	}
	if n := s.count(); n != 3 {
		t.Errorf("%d counted, want 3", n)
	}
}

// TestIngest_PositionsMoveBack: what comes again is not counted again, and where reading goes on is stored.
func TestIngest_PositionsMoveBack(t *testing.T) {
	topic, store := newTopic(), openStore(t)
	s := start(t, topic, store, alone(store))
	if note := s.in.Changes(); note != "" {
		t.Errorf("before anything happened it says %q", note)
	}
	topic.write(order(0, 7, "a"), order(0, 8, "b"), order(1, 5, "c"))
	clocktest.Eventually(s.t, "they are counted", func() bool { return s.count() == 3 })
	topic.moves <- kafka.Reposition{Partition: 0, Reason: kafka.Truncated, From: 9, To: 2}
	clocktest.Eventually(s.t, "the position moves back", func() bool {
		asOf, err := store.AsOf(t.Context())
		return err == nil && asOf.Next[0].Offset == 2 && asOf.Next[1].Offset == 6
	})
	topic.write(order(0, 2, "b"), order(0, 3, "d"))
	s.finish()
	if n := s.count(); n != 4 {
		t.Errorf("%d counted, want 4", n)
	}
	got := s.metrics()
	for name, want := range map[string]float64{
		"activity_repositions_total{truncated}": 1, "activity_repositions_total{recreated}": 0,
		"activity_repositions_total{expired}": 0,
		"activity_duplicates_total":           1, "activity_lag_messages{0}": 0, "activity_batch_messages": 2,
	} {
		if value, exists := got[name]; !exists || value != want {
			t.Errorf("%s is %v, want %v", name, value, want)
		}
	}
	if note := s.in.Changes(); !strings.Contains(note, "partition 0 went on at offset 2 instead of 9, truncated") {
		t.Errorf("it says %q", note)
	}
	incidents, err := store.Incidents(t.Context(), 10)
	if err != nil || len(incidents) != 1 || incidents[0].Kind != activity.IncidentTruncated ||
		incidents[0].Offset != 9 || incidents[0].Messages != 0 ||
		!strings.HasSuffix(incidents[0].Text, "Partition 0 went on at offset 2 instead of 9.") {
		t.Errorf("the incidents are %+v, %v", incidents, err)
	}
}

func TestMetrics_ExistFromTheStart(t *testing.T) {
	topic, store := newTopic(), openStore(t)
	topic.hold = make(chan struct{}) // Kafka is away
	s := start(t, topic, store, alone(store))
	if err := s.in.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), def.Topic) {
		t.Errorf("before the partitions are known it answers %v", err)
	}
	if _, known := s.in.Lag(); known {
		t.Error("it knows its lag before the partitions are known")
	}
	got := s.metrics()
	for _, name := range []string{"activity_counted_total{ORDER_CREATED}", "activity_duplicates_total",
		"activity_parked_messages",
		"activity_placed_to_counted_seconds", "activity_consumed_total", "activity_batch_messages"} {
		if value, exists := got[name]; !exists || value != 0 {
			t.Errorf("%s is %v (%v), want 0", name, value, exists)
		}
	}
	for _, reason := range activity.Reasons() {
		if _, exists := got["activity_poison_total{"+string(reason)+"}"]; !exists {
			t.Errorf("no series for %s", reason)
		}
	}
	close(topic.hold)
	clocktest.Eventually(s.t, "it is ready", func() bool { return s.in.Ready(t.Context()) == nil })
	s.finish()
}

func TestIngest_AFailingSourceEndsIt(t *testing.T) {
	topic, store := newTopic(), openStore(t)
	s := start(t, topic, store, alone(store))
	broken := errors.New("broken")
	topic.failed <- broken
	if err := <-s.ended; !errors.Is(err, broken) {
		t.Fatalf("Run ended with %v", err)
	}
}

// faulty is a real store whose Apply fails in ways that a disk can.
type faulty struct {
	activitystore.Stores
	errs    chan error // each is answered once, instead of applying
	entered chan struct{}
	proceed chan struct{}
}

func (f *faulty) Apply(ctx context.Context, b []*activity.Batch) ([][]activity.Verdict, error) {
	if f.entered != nil {
		f.entered <- struct{}{}
		<-f.proceed
	}
	select {
	case err := <-f.errs:
		return nil, err
	default:
		return f.Stores.Apply(ctx, b)
	}
}

func TestIngest_AFailingStoreEndsIt(t *testing.T) {
	topic, store := newTopic(), openStore(t)
	broken := &faulty{Stores: alone(store), errs: make(chan error, 1)}
	broken.errs <- boltdb.ErrOutcomeUnknown
	s := start(t, topic, store, broken)
	topic.write(order(0, 0, "a"))
	if err := <-s.ended; !errors.Is(err, boltdb.ErrOutcomeUnknown) {
		t.Fatalf("Run ended with %v", err)
	}
	if n := s.count(); n != 0 {
		t.Fatalf("%d counted", n)
	}
}

func TestIngest_WaitsForAFullDisk(t *testing.T) {
	topic, store := newTopic(), openStore(t)
	full := &faulty{Stores: alone(store), errs: make(chan error, 3)}
	for range 3 {
		full.errs <- fmt.Errorf("apply: %w", boltdb.ErrFull)
	}
	s := start(t, topic, store, full)
	topic.write(order(0, 0, "a"))
	topic.write(order(0, 1, "b"))
	s.finish()
	if n := s.count(); n != 2 {
		t.Fatalf("%d counted, want 2", n)
	}
}

// TestIngest_LagCountsWhatIsUnderWay holds the first batch in the store, while the next is read ahead.
func TestIngest_LagCountsWhatIsUnderWay(t *testing.T) {
	topic, store := newTopic(), openStore(t)
	slow := &faulty{Stores: alone(store), entered: make(chan struct{}), proceed: make(chan struct{})}
	s := start(t, topic, store, slow)
	topic.write(order(0, 0, "a"), order(0, 1, "b"), order(1, 0, "c"))
	topic.write(order(1, 1, "d"), poison(2, 0))
	<-slow.entered
	clocktest.Eventually(s.t, "the next batch is read ahead", func() bool {
		lag, known := s.in.Lag()
		return known && maps.Equal(lag, map[int32]int64{0: 2, 1: 2, 2: 1}) && len(topic.writes) == 0
	})
	slow.proceed <- struct{}{}
	<-slow.entered
	clocktest.Eventually(s.t, "the first batch does not count", func() bool {
		lag, _ := s.in.Lag()
		return maps.Equal(lag, map[int32]int64{0: 0, 1: 1, 2: 1})
	})
	slow.proceed <- struct{}{}
	s.finish()
}

package inbox_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/kafka"
	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/recovery"
	"ordertally/shared/uuidv7"
)

// producer is an outbox with its relay, and what its owner keeps of the messages.
type producer struct {
	t      *testing.T
	db     *boltdb.DB
	outbox *outbox.Outbox
	ids    *uuidv7.Source
	kept   []outbox.Republication
}

func produce(t *testing.T, brokers []string) *producer {
	db, err := boltdb.Open(filepath.Join(t.TempDir(), "outbox.db"), boltdb.Options{})
	if err != nil {
		t.Fatal(err)
	}
	p := &producer{t: t, db: db, ids: uuidv7.NewSource(clock.System{}, 0, uuidv7.ID{})}
	if p.outbox, err = outbox.Open(t.Context(), db, outbox.Config{Source: event.Source}); err != nil {
		t.Fatal(err)
	}
	healing, err := recovery.Open(t.Context(), db, p.outbox, recovery.Config{}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	config := kafka.PublisherConfig{Brokers: brokers, Topic: event.Topic}
	publisher, err := kafka.NewPublisher(config, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	relay := outbox.NewRelay(p.outbox, publisher, outbox.RelayConfig{Recovery: healing},
		outbox.NewMetrics(prometheus.NewRegistry(), "test", p.outbox), zerolog.Nop())
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	var ended sync.WaitGroup
	ended.Go(func() {
		if err := relay.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		stop()
		ended.Wait()
		_ = db.Close()
	})
	return p
}

func (p *producer) place(n int, kind string) {
	p.t.Helper()
	err := p.db.Write(p.t.Context(), func(tx *boltdb.Tx) error {
		for range n {
			id := p.ids.Next()
			m := outbox.Message{ID: id, Key: []byte(id.String()), Type: kind, Subject: id.String(), Time: time.Now(),
				Value: []byte(`{"id":"` + id.String() + `"}`)}
			slot, err := p.outbox.Append(tx, m)
			if err != nil {
				return err
			}
			p.kept = append(p.kept, outbox.Republication{Origin: slot, Message: m})
		}
		return nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	clocktest.Eventually(p.t, "all are published", func() bool { return p.outbox.Backlog() == 0 })
}

func (p *producer) republish() {
	p.t.Helper()
	done, err := p.outbox.Republish(p.t.Context(), p.kept)
	if err != nil || done.Sent != len(p.kept) {
		p.t.Fatalf("%+v %v, want %d sent", done, err, len(p.kept))
	}
}

// orders runs the consumer of the example until it has read all records of the topic, of which there must be so many,
// and stops it there. It returns how many orders it has counted.
func orders(t *testing.T, path string, brokers []string, records int) int {
	t.Helper()
	// Offsets are no count of records: each transaction takes another one in every partition that it writes to.
	last, all := map[int32]int64{}, brokertest.ReadAll(t, brokers[0], event.Topic)
	for i := range all {
		last[all[i].Partition] = all[i].Offset
	}
	if len(all) != records {
		t.Fatalf("%d records are in the topic, want %d", len(all), records)
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	var ended sync.WaitGroup
	ended.Go(func() {
		err := countOrders(ctx, db, kafka.ConsumerConfig{Brokers: brokers, Topic: event.Topic, GroupID: "second"})
		if ctx.Err() == nil {
			t.Error(err)
		}
	})
	var s state
	clocktest.Eventually(t, fmt.Sprint(records, " records are read"), func() bool {
		s = state{}
		if err := db.View(s.load); err != nil {
			t.Error(err)
		}
		for partition, offset := range last {
			if s.Next[partition].Offset <= offset {
				return false
			}
		}
		return true
	})
	stop()
	ended.Wait()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return s.Orders
}

// rewind makes the consumer read the topic from its start, as after a kill that lost the positions alone.
func rewind(t *testing.T, path string) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		s := state{}
		if err := s.load(tx); err != nil {
			return err
		}
		s.Next = map[int32]kafka.Position{}
		return s.add(tx, &kafka.Fetched{})
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// The consumer is stopped after each part, reads again what it has read, sees every message a second and a third time,
// and loses its file. It counts each order once.
func TestSecondConsumer_CountsEachOrderOnce(t *testing.T) {
	brokers := []string{devbrokertest.Start(t, devbroker.Config{DataDir: t.TempDir()}).Addr()}
	p, path := produce(t, brokers), filepath.Join(t.TempDir(), "counter.db")
	want := func(when string, records, want int) {
		t.Helper()
		if got := orders(t, path, brokers, records); got != want {
			t.Errorf("%s: %d orders are counted, want %d", when, got, want)
		}
	}
	p.place(30, event.TypeCreated)
	want("at first", 30, 30)
	p.place(5, event.TypeCancelled)
	p.place(10, event.TypeCreated)
	want("after a stop", 45, 40)
	rewind(t, path)
	want("read again", 45, 40)
	p.republish()
	want("published again", 90, 40)
	path = filepath.Join(t.TempDir(), "new.db")
	want("without its file", 90, 40)
	p.republish()
	p.place(1, event.TypeCreated)
	want("at last", 136, 41)
}

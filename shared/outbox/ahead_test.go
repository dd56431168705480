package outbox_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ordertally/shared/boltdb"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
)

// placeValues appends messages like "key=value" in one transaction.
func (r *rig) placeValues(messages ...string) {
	r.t.Helper()
	if err := r.db.Write(r.t.Context(), func(tx *boltdb.Tx) error {
		for _, m := range messages {
			key, _, _ := strings.Cut(m, "=")
			if _, err := r.outbox.Append(tx,
				outbox.Message{Key: []byte(key), Type: "T", Value: []byte(m)}); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		r.t.Fatal(err)
	}
}

// whilePrepared calls then at the first transaction, when the relay has prepared the next one. left is how many
// messages wait behind these two.
func (r *rig) whilePrepared(at outboxtest.Step, left int, then func(records []outbox.Record) error) {
	var once sync.Once
	r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) (err error) {
		if step == at && len(records) > 0 {
			once.Do(func() {
				clocktest.Eventually(r.t, "the next is prepared", func() bool { return r.outbox.Queued() == left })
				err = then(records)
			})
		}
		return err
	})
}

// TestRelay_DropsWhatItPrepared prepares a batch behind one that fails. One message of the second has the key of one of
// the first, so it must wait for that.
func TestRelay_DropsWhatItPrepared(t *testing.T) {
	rejected := func(slots ...uint64) func([]outbox.Record) error {
		return func([]outbox.Record) error {
			return &outbox.RejectedError{Class: outbox.Invalid, Err: errors.New("no"), Slots: slots}
		}
	}
	outage := func([]outbox.Record) error {
		return &outbox.OutageError{Class: outbox.Timeout, Err: errors.New("no answer")}
	}
	for name, tc := range map[string]struct {
		at   outboxtest.Step
		fail func([]outbox.Record) error
	}{
		"after nothing failed":    {outboxtest.Committing, func([]outbox.Record) error { return nil }},
		"after an outage":         {outboxtest.Committing, outage},
		"after a lost answer":     {outboxtest.Answering, outage},
		"after a rejection":       {outboxtest.Committing, rejected()},
		"after a named rejection": {outboxtest.Committing, rejected(1)},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.relay.BatchMessages = 2
			r.placeValues("k=1", "a=1", "k=2", "b=1", "k=3", "c=1")
			r.whilePrepared(tc.at, 2, tc.fail)
			r.start()
			records := r.await(6)
			r.drained()
			exactlyOnce(t, records)
			var ofKey []string
			for _, value := range values(records) {
				if strings.HasPrefix(value, "k") {
					ofKey = append(ofKey, value)
				}
			}
			if !slices.Equal(ofKey, []string{"k=1", "k=2", "k=3"}) || len(r.publisher.Published()) != 6 {
				t.Errorf("published %v", values(records))
			}
		})
	}
}

// TestRelay_HoldsWhatItPreparedBehindARetry retries a parked message when a later one of its key is prepared (rule P3).
func TestRelay_HoldsWhatItPreparedBehindARetry(t *testing.T) {
	r := newRig(t)
	r.relay.BatchMessages = 2
	sick(r)
	r.start()
	m := park(r, "sick")[0]
	r.stop()
	r.placeValues("a=1", "b=1", "sick=2", "c=1")
	r.whilePrepared(outboxtest.Committing, 0, func([]outbox.Record) error { return r.retry(m, "it is well again") })
	r.registry = prometheus.NewPedanticRegistry()
	r.start()
	records := r.await(6)
	r.drained()
	exactlyOnce(t, records)
	var ofKey []string
	for _, value := range values(records) {
		if strings.HasPrefix(value, "sick") {
			ofKey = append(ofKey, value)
		}
	}
	if !slices.Equal(ofKey, []string{"sick", "sick=2"}) {
		t.Errorf("published %v", values(records))
	}
}

// paced is a publisher whose transactions should be a second apart.
type paced struct{ outbox.Publisher }

type pacedSession struct {
	outbox.Session
	ended time.Time
}

func (p paced) Open(ctx context.Context, id outbox.Identity) (outbox.Session, error) {
	session, err := p.Publisher.Open(ctx, id)
	return &pacedSession{Session: session}, err
}

func (s *pacedSession) Publish(ctx context.Context, records []outbox.Record, w outbox.Watermark) ([]outbox.Position,
	error) {
	defer func() { s.ended = time.Now() }()
	return s.Session.Publish(ctx, records, w)
}

func (s *pacedSession) NotBefore() time.Time { return s.ended.Add(time.Second) }

func TestRelay_PausesBetweenTransactionsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.through = func(p outbox.Publisher) outbox.Publisher { return paced{p} }
		var batches []int
		r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
			if step == outboxtest.Committing && len(records) > 0 {
				batches = append(batches, len(records))
			}
			return nil
		})
		r.start()
		<-time.After(time.Minute)
		published := func(n int, within time.Duration) {
			t.Helper()
			began := time.Now()
			r.await(n)
			if took := time.Since(began); took != within {
				t.Errorf("%d are published after %v, want %v", n, took, within)
			}
		}
		r.place("lone")
		published(1, 0)
		r.place("next")
		synctest.Wait()
		r.place("with the next")
		published(3, time.Second)
		<-time.After(time.Minute)
		r.place("lone again")
		published(4, 0)
		synctest.Wait()
		if !slices.Equal(batches, []int{1, 2, 1}) {
			t.Errorf("batches of %v", batches)
		}
	})
}

package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
	"ordertally/shared/uuidv7"
)

// placeKept is place. It returns the messages as their owner would keep them.
func (r *rig) placeKept(keys ...string) []outbox.Republication {
	r.t.Helper()
	kept := make([]outbox.Republication, len(keys))
	ids := uuidv7.NewSource(clock.System{}, 0, uuidv7.ID{})
	for i, key := range keys {
		m := outbox.Message{ID: ids.Next(), Key: []byte(key), Type: "T", Value: []byte(key)}
		if err := r.db.Write(r.t.Context(), func(tx *boltdb.Tx) (err error) {
			kept[i] = outbox.Republication{Message: m}
			kept[i].Origin, err = r.add(tx, m)
			return err
		}); err != nil {
			r.t.Fatal(err)
		}
	}
	return kept
}

func (r *rig) republish(messages []outbox.Republication) outbox.Republished {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 20*time.Second)
	defer cancel()
	done, err := r.outbox.Republish(ctx, messages)
	if err != nil {
		r.t.Fatal(err)
	}
	return done
}

func envelopeOf(t *testing.T, r outbox.Record) cloudevent.Envelope {
	t.Helper()
	e, err := cloudevent.Parse(append(slices.Clone(r.Headers),
		cloudevent.Header{Key: cloudevent.HeaderSource, Value: []byte("/test")}))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func republishedAt(r outbox.Record) string {
	for _, h := range r.Headers {
		if h.Key == cloudevent.HeaderRepublished {
			return string(h.Value)
		}
	}
	return ""
}

// What is sent again is the same message, in its place, and covers nothing else. The file and the watermark do not
// notice.
func TestRepublish_SendsTheMessageAgainInItsSlot(t *testing.T) {
	for name, expired := range map[string]bool{"with the outbox's row": false, "after its retention": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.close()
			now := clock.NewManual(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
			r.config = outbox.Config{Clock: now}
			if expired {
				r.config.Retention = 24 * time.Hour
			}
			r.open()
			r.start()
			kept := r.placeKept("a", "b", "c")
			before := r.await(3)
			r.recorded(3)
			now.Advance(48 * time.Hour)
			if expired {
				r.restart() // a new session looks at the log at once
				clocktest.Eventually(t, "the rows expire", func() bool {
					return r.delivery(1).MessageID == uuidv7.ID{}
				})
			}
			watermark := r.publisher.Watermark(r.outbox.Lineage())
			done := r.republish(kept[1:])
			if done.Sent != 2 || len(done.Left) != 0 || len(done.Refused) != 0 {
				t.Fatalf("%+v, want 2 sent", done)
			}
			for i, again := range r.await(5)[3:] {
				first := before[1+i]
				was, is := envelopeOf(t, first), envelopeOf(t, again)
				if is.ID != was.ID || is.Sequence != was.Sequence || is.Lineage != was.Lineage ||
					!is.Time.Equal(was.Time) ||
					string(again.Value) != string(first.Value) || again.Partition != first.Partition {
					t.Errorf("sent again: %+v in %d\nat first:   %+v in %d", is, again.Partition, was, first.Partition)
				}
				if is.Previous != is.Sequence-1 || is.PartitionPrevious != is.Previous {
					t.Errorf("slot %d covers from %d and %d on", is.Sequence, is.Previous, is.PartitionPrevious)
				}
				if !again.Time.Equal(now.Now()) || republishedAt(again) != "2026-01-04T03:04:05Z" ||
					republishedAt(first) != "" {
					t.Errorf("slot %d bears %v and %q", is.Sequence, again.Time, republishedAt(again))
				}
			}
			if after := r.publisher.Watermark(r.outbox.Lineage()); after != watermark {
				t.Errorf("the watermark went from %d to %d", watermark, after)
			}
			r.place("d")
			live := r.await(6)[5]
			if e := envelopeOf(t, live); e.Sequence != 4 || e.Previous != 3 || republishedAt(live) != "" {
				t.Errorf("the next live message: %+v", e)
			}
		})
	}
}

func TestRepublish_SendsOnlyWhatIsPublished(t *testing.T) {
	r := newRig(t)
	r.relay.MaxAttempts = 1
	r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		for _, record := range records {
			if step == outboxtest.Committing && string(record.Value) == "poison" && republishedAt(record) == "" {
				return &outbox.RejectedError{Class: outbox.Refused, Err: errors.New("no"), Slots: []uint64{record.Slot}}
			}
		}
		return nil
	})
	kept := r.placeKept("a", "poison", "b")
	r.start()
	clocktest.Eventually(t, "one is parked", func() bool { return r.outbox.Parked() == 1 })
	r.await(2)
	done := r.republish(kept)
	if done.Sent != 2 || done.Left[2] != outbox.Parked || len(done.Left) != 1 {
		t.Errorf("%+v, want 2 sent and 1 parked", done)
	}
	r.close() // what is placed now is not published
	r.open()
	r.publisher.Script(func(_ outboxtest.Step, records []outbox.Record) error {
		if slices.ContainsFunc(records, func(r outbox.Record) bool { return republishedAt(r) == "" }) {
			return errAway
		}
		return nil
	})
	unsent := r.placeKept("c")
	r.start()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if done, err := r.outbox.Republish(ctx, unsent); err == nil {
		t.Errorf("%+v while a live message waits", done)
	}
}

// A message that waited has another slot than it began with.
func TestRepublish_UsesTheSlotThatTheMessageWasPublishedIn(t *testing.T) {
	r := newRig(t)
	refused := false
	r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		if step == outboxtest.Committing && len(records) > 0 && !refused {
			refused = true
			return &outbox.RejectedError{Class: outbox.Refused, Err: errors.New("no"), Slots: []uint64{records[0].Slot}}
		}
		return nil
	})
	r.start()
	kept := r.placeKept("a")
	r.await(1)
	r.drained()
	if done := r.republish(kept); done.Sent != 1 {
		t.Fatalf("%+v", done)
	}
	records := r.await(2)
	was, is := envelopeOf(t, records[0]), envelopeOf(t, records[1])
	if was.Sequence == 1 || is.Sequence != was.Sequence || is.ID != was.ID {
		t.Errorf("published as %+v, again as %+v", was, is)
	}
}

// The publisher refuses a message that it once took. The others go out, and nothing is charged or parked.
func TestRepublish_NamesWhatIsRefusedAndSendsTheRest(t *testing.T) {
	for name, named := range map[string]bool{"named": true, "found by halving": false} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			kept := r.placeKept("a", "b", "c", "d", "e")
			r.start()
			r.await(5)
			r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
				for _, record := range records {
					if step == outboxtest.Committing && string(record.Value) == "c" {
						refused := &outbox.RejectedError{Class: outbox.TooLarge, Err: errors.New("too large")}
						if named {
							refused.Slots = []uint64{record.Slot}
						}
						return refused
					}
				}
				return nil
			})
			done := r.republish(kept)
			if done.Sent != 4 || !slices.Equal(done.Refused, []uint64{3}) {
				t.Errorf("%+v, want 4 sent and slot 3 refused", done)
			}
			if got := values(r.await(9)[5:]); !slices.Equal(slices.Sorted(slices.Values(got)),
				[]string{"a", "b", "d", "e"}) {
				t.Errorf("sent %v", got)
			}
			if r.outbox.Parked()+r.outbox.Waiting() != 0 || r.status(3).Attempts != 1 {
				t.Errorf("the message was charged: %+v", r.status(3))
			}
		})
	}
}

// Live messages that wait go first, and a long republication does not hold back one that comes meanwhile.
func TestRepublish_GoesBehindLiveMessages(t *testing.T) {
	r := newRig(t)
	r.relay.BatchMessages = 5
	kept := r.placeKept(names("old", 20)...)
	r.start()
	r.await(20)
	r.close()
	r.open()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	republished := make(chan error, 1)
	go func() {
		_, err := r.outbox.Republish(ctx, kept)
		republished <- err
	}()
	r.place(names("live", 17)...)
	r.start()
	records := r.await(57)
	if err := <-republished; err != nil {
		t.Fatal(err)
	}
	for i, record := range records[20:37] {
		if string(record.Value) != fmt.Sprint("live", i) {
			t.Fatalf("%v, want the live ones first", values(records[20:]))
		}
	}
}

// An outage in the middle: the outcome is unknown, and the messages are sent again. Readers refuse the second ones.
func TestRepublish_GoesOnAfterAnOutage(t *testing.T) {
	r := newRig(t)
	kept := r.placeKept("a", "b")
	r.start()
	r.await(2)
	failed := false
	r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		if step == outboxtest.Answering && len(records) > 0 && !failed {
			failed = true
			return errAway
		}
		return nil
	})
	if done := r.republish(kept); done.Sent != 2 {
		t.Errorf("%+v", done)
	}
	if records := r.await(6); len(records) != 6 {
		t.Errorf("%v", values(records))
	}
	r.place("c")
	if last := r.await(7)[6]; last.Slot != 3 {
		t.Errorf("the next live message has slot %d", last.Slot)
	}
}

// The repeated records are not taken for the end of the partition, nor for what the log was given first.
func TestRecovery_TakesNoRepublishedRecordForTheFirst(t *testing.T) {
	r := newRig(t)
	kept := r.placeKept(names("a", 30)...)
	r.start()
	r.await(30)
	r.recorded(30)
	r.republish(kept[:10])
	r.close()
	r.open()
	r.publisher.ForgetWatermarks() // so the log is read from its start
	r.start()
	r.place("new")
	last := r.await(41)[40]
	if last.Slot != 31 {
		t.Fatalf("slot %d follows, want 31: the republished ones were missed or sent again", last.Slot)
	}
	if e := envelopeOf(t, last); e.Previous != 30 {
		t.Errorf("the next message says %d was before it", e.Previous)
	}
	if again := metricOf(t, r, "test_outbox_republished_total"); again != 0 {
		t.Errorf("%v were taken for lost", again)
	}
}

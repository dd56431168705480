package outbox_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"ordertally/shared/event/cloudevent"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
)

// forge writes a record with the lineage's headers, as another program would. The watermark stays as it is.
func (r *rig) forge(slot uint64) {
	lineage := r.outbox.Lineage()
	s, err := r.publisher.Open(r.t.Context(), outbox.Identity{Lineage: lineage})
	if err != nil {
		r.t.Error(err)
		return
	}
	_, err = s.Publish(r.t.Context(), []outbox.Record{{
		Slot: slot, Key: []byte("forged"), Value: []byte("forged"), Time: time.Now(),
		Headers: []cloudevent.Header{{Key: "ce_id", Value: []byte("01a21e20-9312-7001-800e-2b9eb57c6118")}},
	}}, r.publisher.WatermarkOf(lineage))
	if err != nil {
		r.t.Error(err)
	}
}

// losesAnswer calls meanwhile after the next commit, and then loses the commit's answer.
func (r *rig) losesAnswer(meanwhile func()) {
	var lost, inside atomic.Bool
	r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		if inside.Load() || step != outboxtest.Answering || len(records) == 0 || !lost.CompareAndSwap(false, true) {
			return nil
		}
		inside.Store(true)
		defer inside.Store(false)
		meanwhile()
		return errors.New("the answer is lost")
	})
}

// A forged record must not pass for a message of the file. It must not look like a process that took over either.
func TestRelay_AForgedRecordSilencesNothing(t *testing.T) {
	for _, tc := range []struct {
		name string
		slot uint64
	}{{"of a message that is published already", 1}, {"of one that is being published", 2}, {"of one that waits", 3},
		{"of none", 4}, {"far beyond", 1000}} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t)
			r.start()
			r.place("before")
			r.await(1)
			r.recorded(1)
			r.losesAnswer(func() {
				r.place("waits")
				r.forge(tc.slot)
			})
			r.place("a")
			r.drained()
			r.place("after")
			r.drained()
			var got []string
			for _, record := range r.publisher.Published() {
				if string(record.Value) != "forged" {
					got = append(got, string(record.Value))
				}
			}
			slices.Sort(got)
			if !slices.Equal(got, []string{"a", "after", "before", "waits"}) {
				t.Errorf("published: %v", got)
			}
			if found := r.found(); !slices.Contains(found, outbox.IncidentForged) ||
				slices.Contains(found, outbox.IncidentForked) {
				t.Errorf("found %v", found)
			}
		})
	}
}

package outbox_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
)

// names returns n different keys with the same prefix.
func names(prefix string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprint(prefix, i)
	}
	return list
}

// recorded waits until the file has recorded the message as published.
func (r *rig) recorded(origin uint64) {
	r.t.Helper()
	clocktest.Eventually(r.t, "the last batch is recorded", func() bool { return r.delivery(origin).Located })
}

// placesBySlot returns the positions of the published slots.
func placesBySlot(p *outboxtest.Publisher) map[uint64]outbox.Position {
	places := map[uint64]outbox.Position{}
	for i, record := range p.Published() {
		places[record.Slot] = p.PositionOf(i)
	}
	return places
}

func TestRecovery_PublishesWhatTheLogLostBeforeAnythingNew(t *testing.T) {
	for name, restarted := range map[string]bool{"while running": false, "while stopped": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.relay.BatchMessages = 7
			r.start()
			r.place(names("a", 40)...)
			r.await(40)
			r.recorded(40)
			before := placesBySlot(r.publisher)
			if r.publisher.Scans() != 0 {
				t.Fatalf("read %d times although nothing was amiss", r.publisher.Scans())
			}
			r.publisher.AddPartitions(4) // messages that are published again still go to their old partitions
			if restarted {
				r.stop()
				r.publisher.Lose(25)
				r.place("new")
				r.restart()
			} else {
				r.publisher.Lose(25)
				r.place("new")
			}
			records := r.await(41)
			exactlyOnce(t, records)
			for slot, place := range placesBySlot(r.publisher) {
				if want, published := before[slot]; published && place != want {
					t.Errorf("slot %d stands at %v, want %v", slot, place, want)
				}
			}
			clocktest.Eventually(r.t, "the repair is over",
				func() bool { return slices.Contains(r.found(), outbox.IncidentRepublished) })
			r.drained()
			if again := metricOf(t, r, "test_outbox_republished_total"); again != 15 {
				t.Errorf("%v republished, want 15", again)
			}
			r.recorded(41)
			for origin := uint64(1); origin <= 41; origin++ {
				if d := r.delivery(origin); !d.Located || d.Position != placesBySlot(r.publisher)[origin] {
					t.Errorf("delivery of %d: %+v", origin, d)
				}
			}
			scans := r.publisher.Scans()
			r.restart()
			r.place("last")
			r.await(42)
			if r.publisher.Scans() > scans+1 { // one scan reads back what was not recorded yet
				t.Errorf("read again %d times after the repair", r.publisher.Scans()-scans)
			}
		})
	}
}

// Slots skipped since the last transaction must not look like a watermark that fell back.
func TestRecovery_DoesNotReadTheLogAfterARejection(t *testing.T) {
	r := newRig(t)
	r.place("sick", "well", "ill")
	r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		for i := range records {
			if step == outboxtest.Committing && string(records[i].Key) != "well" {
				return &outbox.RejectedError{Class: outbox.Invalid, Err: errors.New("refused")}
			}
		}
		return nil
	})
	r.start()
	clocktest.Eventually(r.t, "both are parked",
		func() bool { return r.outbox.Parked() == 2 && r.outbox.Backlog() == 0 })
	r.place("well")
	r.await(2)
	if n := r.publisher.Scans(); n != 0 {
		t.Errorf("read %d times", n)
	}
	if kinds := r.found(); len(kinds) != 0 {
		t.Errorf("found %v", kinds)
	}
}

func metricOf(t *testing.T, r *rig, name string) float64 {
	t.Helper()
	families, err := r.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	t.Fatalf("no metric %s", name)
	return 0
}

func TestRecovery_FinishesAnInterruptedRepair(t *testing.T) {
	r := newRig(t)
	r.start()
	r.place(names("a", 50)...)
	r.await(50)
	r.recorded(50)
	r.stop()
	r.publisher.Lose(10)
	r.relay.BatchMessages = 8
	var batches atomic.Int32
	r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		if step == outboxtest.Committing && len(records) > 0 && batches.Add(1) == 3 {
			return errors.New("down")
		}
		return nil
	})
	r.restart()
	records := r.await(50)
	exactlyOnce(t, records)
	clocktest.Eventually(r.t, "the repair is over",
		func() bool { return slices.Contains(r.found(), outbox.IncidentRepublished) })
}

func TestRecovery_FinishesARepairAfterACrash(t *testing.T) {
	r := newRig(t)
	r.start()
	r.place(names("a", 50)...)
	r.await(50)
	r.recorded(50)
	r.stop()
	r.publisher.Lose(10)
	r.relay.BatchMessages = 8
	var batches atomic.Int32
	r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		if step == outboxtest.Committing && len(records) > 0 && batches.Add(1) > 2 {
			return errors.New("down")
		}
		return nil
	})
	r.restart()
	r.await(26)
	clocktest.Eventually(r.t, "it failed", func() bool { return batches.Load() > 3 })
	r.stop()
	r.publisher.Script(nil)
	r.restart()
	exactlyOnce(t, r.await(50))
}

func TestRecovery_FillsARecreatedLog(t *testing.T) {
	r := newRig(t)
	r.start()
	r.place(names("a", 20)...)
	r.await(20)
	r.recorded(20)
	r.publisher.Recreate()
	exactlyOnce(t, r.await(20))
	clocktest.Eventually(r.t, "the repair is over",
		func() bool { return slices.Contains(r.found(), outbox.IncidentRepublished) })
	if kinds := r.found(); !slices.Equal(kinds,
		[]outbox.IncidentKind{outbox.IncidentLogRecreated, outbox.IncidentWatermarkLost, outbox.IncidentRepublished}) {
		t.Errorf("found %v", kinds)
	}
	r.place("new")
	exactlyOnce(t, r.await(21))
	r.restart()
	r.place("newer")
	exactlyOnce(t, r.await(22))
}

func TestRecovery_FindsAForgottenWatermarkInTheLog(t *testing.T) {
	r := newRig(t)
	r.start()
	r.place(names("a", 20)...)
	r.await(20)
	r.recorded(20)
	r.stop()
	r.publisher.ForgetWatermarks()
	r.restart()
	r.place("new")
	exactlyOnce(t, r.await(21))
	r.drained()
	if kinds := r.found(); !slices.Equal(kinds, []outbox.IncidentKind{outbox.IncidentWatermarkLost}) {
		t.Errorf("found %v", kinds)
	}
	if r.publisher.Watermark(r.outbox.Lineage()) != 21 {
		t.Errorf("the watermark is %d", r.publisher.Watermark(r.outbox.Lineage()))
	}
}

func TestRecovery_DoesNotPublishWhatTheLogExpired(t *testing.T) {
	r := newRig(t)
	r.start()
	r.place(names("a", 20)...)
	r.await(20)
	r.recorded(20)
	r.stop()
	r.publisher.Expire(20)
	r.publisher.ForgetWatermarks()
	r.restart()
	r.place("new")
	records := r.await(1)
	r.drained()
	if got := values(r.publisher.Published()); !slices.Equal(got, []string{"new"}) || len(records) != 1 {
		t.Fatalf("published %v", got)
	}
}

// A transaction with an unknown outcome was committed. The positions of its messages are read back.
func TestRecovery_ReadsBackACommittedTransaction(t *testing.T) {
	r := newRig(t)
	r.start()
	r.place("before")
	r.await(1)
	r.recorded(1) // the first answer must have come, so that the lost one is the next
	var once atomic.Bool
	r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		if step == outboxtest.Answering && len(records) > 0 && once.CompareAndSwap(false, true) {
			return errors.New("the answer is lost")
		}
		return nil
	})
	r.place("a", "b")
	exactlyOnce(t, r.await(3))
	clocktest.Eventually(r.t, "it is read back",
		func() bool { return slices.Contains(r.found(), outbox.IncidentRecovered) })
	if n := metricOf(t, r, "test_outbox_recovered_total"); n < 1 || n > 2 { // both, if they were in one transaction
		t.Errorf("%v recovered", n)
	}
	if d := r.delivery(2); !d.Located || d.Position != placesBySlot(r.publisher)[2] || d.State != outbox.Published {
		t.Errorf("delivery: %+v", d)
	}
}

// The log has messages of an old copy. The watermark, which would show that there is a copy, is forgotten.
func TestRecovery_RecognisesACopyWithoutTheWatermark(t *testing.T) {
	for name, after := range map[string]int{"further": 5, "not as far": 1} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.start()
			r.place("a", "b")
			r.await(2)
			r.recorded(2)
			twin := r.copied().mayFork()
			r.place(names("original", after)...)
			r.await(2 + after)
			r.recorded(uint64(2 + after))
			r.stop()
			r.publisher.ForgetWatermarks()
			twin.place("copy 0", "copy 1", "copy 2")
			twin.start()
			want := append([]string{"a", "b", "copy 0", "copy 1", "copy 2"}, names("original", after)...)
			onceEach(t, r.await(len(want)), want...)
			r.restart()
			r.place("original too")
			onceEach(t, r.await(len(want)+1), append(want, "original too")...)
		})
	}
}

// The copy has no message that could differ from those in the log.
func TestRecovery_RecognisesAnEmptyCopyWithoutTheWatermark(t *testing.T) {
	r := newRig(t)
	r.start()
	clocktest.Eventually(r.t, "the lineage is claimed", func() bool {
		report, err := r.recovery.Report(t.Context(), 1)
		return err == nil && report.Link.State == outbox.LinkUp
	})
	twin := r.copied().mayFork()
	r.place(names("original", 3)...)
	r.await(3)
	r.stop()
	r.publisher.ForgetWatermarks()
	twin.start()
	twin.place("copy")
	onceEach(t, r.await(4), "original0", "original1", "original2", "copy")
	if kinds := twin.found(); !slices.Contains(kinds, outbox.IncidentForked) {
		t.Errorf("found %v", kinds)
	}
}

func TestRecovery_ParksAMessageThatIsRefusedAgain(t *testing.T) {
	r := newRig(t)
	r.start()
	r.place(names("a", 20)...)
	r.await(20)
	r.recorded(20)
	r.stop()
	r.publisher.Lose(5)
	r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		if step == outboxtest.Committing &&
			slices.ContainsFunc(records, func(r outbox.Record) bool { return string(r.Key) == "a12" }) {
			return &outbox.RejectedError{Class: outbox.TooLarge, Err: errors.New("too large now")}
		}
		return nil
	})
	r.restart()
	r.place("new")
	r.await(20)
	r.drained()
	if n := r.outbox.Parked(); n != 1 {
		t.Fatalf("%d parked, want 1", n)
	}
	onceEach(t, r.publisher.Published(),
		slices.DeleteFunc(append(names("a", 20), "new"), func(v string) bool { return v == "a12" })...)
}

// A relay that has nothing to publish still checks the log and sets the watermark from time to time.
func TestRelay_ChecksTheLogAndSetsTheWatermarkWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.start()
		r.place("a", "b", "c")
		r.await(3)
		r.recorded(3)
		var marks atomic.Int32
		r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
			if step == outboxtest.Committing && len(records) == 0 {
				marks.Add(1)
			}
			return nil
		})
		<-time.After(7 * 24 * time.Hour)
		synctest.Wait()
		if n := marks.Load(); n < 6 || n > 8 {
			t.Errorf("the watermark was set %d times in a week", n)
		}
		r.publisher.LoseQuietly(1)
		<-time.After(2 * time.Hour)
		exactlyOnce(t, r.await(3))
	})
}

func TestRecovery_KeepsTheFileSound(t *testing.T) {
	r := newRig(t)
	r.start()
	for round := range 5 {
		r.place(names(fmt.Sprint("r", round, "-"), 10)...)
		r.await((round + 1) * 10)
		r.publisher.Lose(round * 7)
		exactlyOnce(t, r.await((round+1)*10))
	}
	r.stop()
	if err := r.db.View(t.Context(), func(tx *bbolt.Tx) error {
		var problems []string
		for err := range tx.Check() {
			problems = append(problems, err.Error())
		}
		if problems != nil {
			return errors.New(strings.Join(problems, "; "))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// The log loses records while it cannot be reached. The file must still have them when it is back.
func TestRetention_KeepsEverythingDuringAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.stopAndOpenWith(outbox.Config{Retention: time.Hour})
		r.relay.Outage = outbox.Backoff{First: time.Minute, Factor: 1, Limit: time.Minute}
		r.start()
		r.place(names("a", 10)...)
		r.await(10)
		r.recorded(10)
		r.publisher.Script(func(step outboxtest.Step, _ []outbox.Record) error {
			if step == outboxtest.Opening {
				return errors.New("down")
			}
			return nil
		})
		r.publisher.Lose(0)
		<-time.After(24 * time.Hour)
		r.publisher.Script(nil)
		<-time.After(2 * time.Minute)
		synctest.Wait()
		exactlyOnce(t, r.publisher.Published())
		if n := len(r.publisher.Published()); n != 10 {
			t.Fatalf("%d messages are published again, want 10", n)
		}
		<-time.After(time.Hour)
		clocktest.Eventually(r.t, "then they expire",
			func() bool { return metricOf(t, r, "test_outbox_expired_total") == 10 })
	})
}

// stopAndOpenWith stops the relay and opens the file again with another configuration.
func (r *rig) stopAndOpenWith(config outbox.Config) {
	r.t.Helper()
	r.close()
	r.config = config
	r.open()
}

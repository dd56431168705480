package outbox_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
)

// waiting waits until the relay is held back, and returns its report.
func (r *rig) waiting() (report outbox.Report) {
	r.t.Helper()
	clocktest.Eventually(r.t, "the relay waits for an open transaction", func() bool {
		var err error
		report, err = r.recovery.Report(r.t.Context(), 1)
		return err == nil && report.Link.State == outbox.LinkWaiting && report.HeldBack != nil
	})
	return report
}

// backlogged publishes n messages, and n more behind another program's open transaction. Then it stops.
func backlogged(t *testing.T, n int) (r *rig, end func()) {
	t.Helper()
	r = newRig(t)
	r.start()
	r.place(names("a", n)...)
	r.await(n)
	end = r.publisher.Hang()
	r.place(names("b", n)...)
	r.await(2 * n)
	r.recorded(uint64(2 * n))
	r.stop()
	return r, end
}

// In each partition the newest record is behind another program's open transaction. It is hidden, not lost.
func TestRelay_TakesNothingForLostThatAnOpenTransactionHides(t *testing.T) {
	r, end := backlogged(t, 10)
	r.restart()
	r.place("new")
	exactlyOnce(t, r.await(21)) // all hidden records are recorded as published, so it need not wait
	r.drained()
	end()
	r.restart()
	r.place("newer")
	exactlyOnce(t, r.await(22))
	if n, kinds := r.publisher.Scans(), r.found(); n != 0 || len(kinds) != 0 {
		t.Errorf("read the topic %d times, and found %v", n, kinds)
	}
}

// Without the watermark the topic must be read. An open transaction hides a part of it.
func TestRelay_WaitsForAnOpenTransactionWhenTheWatermarkIsGone(t *testing.T) {
	r, end := backlogged(t, 10)
	r.publisher.ForgetWatermarks()
	r.restart()
	r.place("new")
	report := r.waiting()
	if len(report.HeldBack.Behind) == 0 ||
		!strings.Contains(report.HeldBack.Text, "another program's: partition 0 from offset") ||
		report.HeldBack.Since.IsZero() || report.HeldBack.Behind[0].To <= report.HeldBack.Behind[0].From {
		t.Errorf("it waits for %+v", report.HeldBack)
	}
	if n := len(r.publisher.Published()); n != 20 {
		t.Fatalf("%d messages are published, want the 20 of before", n)
	}
	if note := r.running.Note(); !strings.Contains(note, "waiting since") ||
		!strings.Contains(note, report.HeldBack.Text) {
		t.Errorf("the note is %q", note)
	}
	end()
	exactlyOnce(t, r.await(21))
	r.drained()
	if kinds := r.found(); !slices.Equal(kinds, []outbox.IncidentKind{outbox.IncidentWatermarkLost}) {
		t.Errorf("found %v", kinds)
	}
	if after, err := r.recovery.Report(t.Context(), 1); err != nil || after.HeldBack != nil ||
		after.Link.State != outbox.LinkUp {
		t.Errorf("afterwards it reports %+v, %v", after, err)
	}
}

// Some of the hidden records are lost. These and no others are published again.
func TestRelay_PublishesAgainOnlyWhatIsLostBehindAnOpenTransaction(t *testing.T) {
	r, end := backlogged(t, 10)
	r.publisher.Lose(16)
	r.restart()
	r.place("new")
	r.waiting()
	end()
	exactlyOnce(t, r.await(21))
	r.drained()
	if again := metricOf(t, r, "test_outbox_republished_total"); again != 4 {
		t.Errorf("%v republished, want 4", again)
	}
}

// A transaction was committed, but not recorded, behind one that is open.
func TestRelay_ReadsBackACommitBehindAnOpenTransaction(t *testing.T) {
	r := newRig(t)
	r.start()
	r.place("before")
	r.await(1)
	r.recorded(1)
	end := r.publisher.Hang()
	var once atomic.Bool
	r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		if step == outboxtest.Answering && len(records) > 0 && once.CompareAndSwap(false, true) {
			return errors.New("the answer is lost")
		}
		return nil
	})
	r.place("a")
	r.waiting()
	r.place("b")
	end()
	exactlyOnce(t, r.await(3))
	clocktest.Eventually(r.t, "it is read back",
		func() bool { return slices.Contains(r.found(), outbox.IncidentRecovered) })
}

// While the relay waits, the topic loses hidden records or is recreated. What the relay has read by then is void.
func TestRelay_BeginsAnewWhenTheTopicChangesWhileItWaits(t *testing.T) {
	for name, change := range map[string]func(*outboxtest.Publisher){
		"lost a part":          func(p *outboxtest.Publisher) { p.LoseQuietly(13) },
		"made again":           func(p *outboxtest.Publisher) { p.RecreateQuietly() },
		"lost and hangs again": func(p *outboxtest.Publisher) { p.LoseQuietly(10); p.Hang()() },
	} {
		t.Run(name, func(t *testing.T) {
			r, end := backlogged(t, 10)
			r.publisher.ForgetWatermarks()
			r.restart()
			r.place("new")
			r.waiting()
			opens := r.publisher.Opens()
			change(r.publisher)
			clocktest.Eventually(r.t, "it begins anew", func() bool { return r.publisher.Opens() > opens })
			end()
			exactlyOnce(t, r.await(21))
			r.drained()
		})
	}
}

// The watermark, which would show that there is a copy, is gone. The records of the original are hidden.
func TestRelay_ACopyIsKnownByWhatAnOpenTransactionHid(t *testing.T) {
	r := newRig(t)
	r.start()
	r.place("a", "b")
	r.await(2)
	r.recorded(2)
	twin := r.copied().mayFork()
	end := r.publisher.Hang()
	r.place(names("original", 3)...)
	r.await(5)
	r.recorded(5)
	r.stop()
	r.publisher.ForgetWatermarks()
	twin.place("copy 0", "copy 1")
	twin.start()
	twin.waiting()
	if kinds := twin.found(); len(kinds) != 0 {
		t.Errorf("found %v before it could see", kinds)
	}
	end()
	onceEach(t, r.await(7), append(names("original", 3), "a", "b", "copy 0", "copy 1")...)
	if kinds := twin.found(); !slices.Contains(kinds, outbox.IncidentForked) {
		t.Errorf("found %v", kinds)
	}
}

func TestRetention_DeletesNothingWhileAnOpenTransactionHidesThePlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.stopAndOpenWith(outbox.Config{Retention: time.Hour})
		r.start()
		r.place(names("a", 10)...)
		r.await(10)
		r.recorded(10)
		r.publisher.LoseQuietly(4)
		end := r.publisher.Hang()
		r.publisher.Lose(4) // this loses nothing more, but disconnects the session
		r.waiting()
		<-time.After(24 * time.Hour)
		if n := metricOf(t, r, "test_outbox_expired_total"); n != 0 {
			t.Fatalf("%v messages have expired while nobody knew whether they stand", n)
		}
		if held := r.metric("test_outbox_held_back_seconds"); held < 23*3600 {
			t.Errorf("held back for %v s, by the metric", held)
		}
		end()
		exactlyOnce(t, r.await(10))
		<-time.After(2 * time.Hour)
		if n := metricOf(t, r, "test_outbox_expired_total"); n != 10 {
			t.Errorf("%v have expired, want 10", n)
		}
	})
}

// The log loses records after a connect has seen them and before the next is published. So the newest record of the
// partition is there. Only the one from before the session shows the loss.
func TestRelay_NoticesALossBetweenAConnectAndTheFirstRecord(t *testing.T) {
	r := newRig(t)
	same := func(n int) (keys []string) {
		for range n {
			keys = append(keys, "key")
		}
		return keys
	}
	r.start()
	r.place(same(10)...)
	r.await(10)
	r.recorded(10)
	for range 2 { // the second connect has seen what the first session published
		r.restart()
		clocktest.Eventually(r.t, "it is connected", func() bool {
			report, err := r.recovery.Report(t.Context(), 1)
			return err == nil && report.Link.State == outbox.LinkUp
		})
	}
	r.publisher.LoseQuietly(6)
	r.place(same(5)...)
	r.await(11)
	r.recorded(15)
	r.restart()
	records := r.await(15)
	slots := map[uint64]int{}
	for _, record := range records {
		slots[record.Slot]++
	}
	if len(records) != 15 || len(slots) != 15 {
		t.Fatalf("%d records of %d slots stand, want 15 of 15: %v", len(records), len(slots), slots)
	}
	clocktest.Eventually(r.t, "the repair is over",
		func() bool { return slices.Contains(r.found(), outbox.IncidentRepublished) })
	scans := r.publisher.Scans()
	r.restart()
	r.place("key")
	r.await(16)
	r.drained()
	if r.publisher.Scans() != scans {
		t.Error("what was put right is looked for again")
	}
}

package outbox_test

import (
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

// up waits until the relay is connected and reconciled.
func (r *rig) up() {
	r.t.Helper()
	clocktest.Eventually(r.t, "it is connected", func() bool {
		report, err := r.recovery.Report(r.t.Context(), 1)
		return err == nil && report.Link.State == outbox.LinkUp
	})
}

// The relay looks at the log before retention deletes. What the log lost silently is published again first.
func TestRetention_LooksBeforeItDeletes(t *testing.T) {
	for name, lose := range map[string]func(*outboxtest.Publisher){
		"made again": (*outboxtest.Publisher).RecreateQuietly,
		"lost a few": func(p *outboxtest.Publisher) { p.LoseQuietly(6) },
		"lost all":   func(p *outboxtest.Publisher) { p.LoseQuietly(0) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				r.stopAndOpenWith(outbox.Config{Retention: time.Hour})
				r.relay.CheckEvery = 24 * time.Hour
				r.start()
				r.place(names("a", 10)...)
				r.await(10)
				r.recorded(10)
				<-time.After(59 * time.Minute)
				lose(r.publisher)
				<-time.After(2 * time.Minute)
				synctest.Wait()
				exactlyOnce(t, r.publisher.Published())
				if n := len(r.publisher.Published()); n != 10 {
					t.Errorf("%d messages stand, want all 10", n)
				}
				<-time.After(time.Hour)
				synctest.Wait()
				if n := r.metric("test_outbox_expired_total"); n != 10 {
					t.Errorf("%v have expired in the end, want 10", n)
				}
			})
		})
	}
}

// A steady flow of expiring messages asks for a look every 10 s, not for one each.
func TestRetention_LooksAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.stopAndOpenWith(outbox.Config{Retention: time.Minute})
		r.start()
		const messages = 600
		for n := range messages {
			r.place(names("a", 1)...)
			r.await(n + 1)
			<-time.After(time.Second)
		}
		<-time.After(3 * time.Minute)
		synctest.Wait()
		if n := r.metric("test_outbox_expired_total"); n != messages {
			t.Errorf("%v have expired, want %d", n, messages)
		}
		if n := r.publisher.Looks(); n < 10 || n > 100 {
			t.Errorf("looked %d times in 13 minutes", n)
		}
	})
}

// The topic is deleted and recreated while the relay runs, with and without something to publish.
func TestRelay_PublishesAgainWhatATopicMadeAnewLacks(t *testing.T) {
	for name, change := range map[string]func(*rig){
		"made again":           func(r *rig) { r.publisher.Recreate() },
		"made again twice":     func(r *rig) { r.publisher.Recreate(); r.publisher.Recreate() },
		"with more partitions": func(r *rig) { r.publisher.RecreateWith(5) },
		"with fewer partitions until some are added": func(r *rig) {
			r.publisher.RecreateWith(1)
			r.down()
			r.publisher.AddPartitions(2)
		},
		"deleted, made again later": func(r *rig) {
			r.publisher.Delete()
			r.place("while it was gone")
			r.down()
			r.publisher.Recreate()
		},
		"made again during a repair": func(r *rig) { r.publisher.Recreate(); r.await(4); r.publisher.RecreateWith(4) },
		"made again, while busy": func(r *rig) {
			r.place(names("busy", 50)...)
			r.publisher.Recreate()
			r.place(names("busier", 50)...)
		},
		"fewer and then as before":    func(r *rig) { r.publisher.RecreateWith(1); r.down(); r.publisher.Recreate() },
		"made again behind a hanging": func(r *rig) { r.publisher.Recreate(); r.publisher.Hang()() },
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.relay.BatchMessages = 4
			r.start()
			r.place(names("a", 30)...)
			r.await(30)
			r.recorded(30)
			change(r)
			r.place("new")
			total := int(r.tail())
			records := r.await(total)
			onceEachSlot(t, records, total)
			clocktest.Eventually(r.t, "the repair is over",
				func() bool { return slices.Contains(r.found(), outbox.IncidentRepublished) })
			r.restart()
			r.place("newer")
			onceEachSlot(t, r.await(total+1), total+1)
		})
	}
}

// A relay that always has more to publish must still notice.
func TestRelay_NoticesATopicMadeAnewUnderALoadThatNeverEnds(t *testing.T) {
	r := newRig(t)
	r.relay.BatchMessages = 1
	r.place(names("a", 10)...)
	var ends atomic.Bool
	r.publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		if step == outboxtest.Committing && len(records) > 0 && !ends.Load() {
			r.place("more") // the backlog does not shrink
		}
		return nil
	})
	r.start()
	r.await(30)
	r.publisher.Recreate()
	defer ends.Store(true)
	clocktest.Eventually(r.t, "it publishes again",
		func() bool { return slices.Contains(r.found(), outbox.IncidentRepublished) })
	ends.Store(true)
	r.drained()
	onceEachSlot(t, r.publisher.Published(), int(r.tail()))
}

// down waits until the relay cannot publish.
func (r *rig) down() {
	r.t.Helper()
	clocktest.Eventually(r.t, "it is down", func() bool {
		report, err := r.recovery.Report(r.t.Context(), 1)
		return err == nil && report.Link.State == outbox.LinkDown
	})
}

// tail returns the last slot that was given.
func (r *rig) tail() uint64 {
	r.t.Helper()
	report, err := r.recovery.Report(r.t.Context(), 1)
	if err != nil {
		r.t.Fatal(err)
	}
	return report.Tail
}

func onceEachSlot(t *testing.T, records []outbox.Record, want int) {
	t.Helper()
	slots := map[uint64]bool{}
	for _, record := range records {
		slots[record.Slot] = true
	}
	if len(records) != want || len(slots) != want {
		t.Fatalf("%d records of %d slots stand, want %d of each", len(records), len(slots), want)
	}
}

// Another program commits an offset to the watermark's group. That says nothing about what was published, and nothing
// about a copy.
func TestRelay_AnothersCommitToItsGroupChangesNothing(t *testing.T) {
	for name, mark := range map[string]func(own outbox.Watermark) outbox.Watermark{
		"beyond the file":  func(outbox.Watermark) outbox.Watermark { return outbox.Watermark{Slot: 5_000_000} },
		"behind":           func(outbox.Watermark) outbox.Watermark { return outbox.Watermark{Slot: 3} },
		"at the beginning": func(outbox.Watermark) outbox.Watermark { return outbox.Watermark{} },
		"with words": func(outbox.Watermark) outbox.Watermark {
			return outbox.Watermark{Slot: 10, Note: "reset by hand"}
		},
		"with other JSON": func(outbox.Watermark) outbox.Watermark {
			return outbox.Watermark{Slot: 400, Note: `{"v":1,"host":"a"}`}
		},
		"ours, moved beyond the file": func(own outbox.Watermark) outbox.Watermark { own.Slot = 5_000_000; return own },
		"ours, moved back":            func(own outbox.Watermark) outbox.Watermark { own.Slot = 2; return own },
		"as if nothing was ever given": func(own outbox.Watermark) outbox.Watermark {
			own.Note = strings.Replace(own.Note, `"tail":`, `"tail":0,"was":`, 1)
			return own
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.start()
			r.place(names("a", 10)...)
			r.await(10)
			r.recorded(10)
			lineage := r.outbox.Lineage()
			r.stop()
			r.place("placed meanwhile")
			own := r.publisher.WatermarkOf(lineage)
			set := mark(own)
			r.publisher.SetWatermark(lineage, set)
			r.restart()
			r.place("new")
			exactlyOnce(t, r.await(12))
			r.drained()
			if r.outbox.Lineage() != lineage {
				t.Error("the file has forked")
			}
			kinds := r.found()
			if foreign := set.Note != own.Note || set.Slot > own.Slot; foreign &&
				!slices.Equal(kinds, []outbox.IncidentKind{outbox.IncidentWatermarkForeign}) {
				t.Errorf("found %v", kinds)
			}
			scans := r.publisher.Scans()
			clocktest.Eventually(r.t, "the mark is its own again",
				func() bool { return r.publisher.Watermark(lineage) == 12 })
			r.recorded(12)
			r.restart()
			r.up()
			if r.publisher.Scans() != scans || len(r.found()) != len(kinds) {
				t.Errorf("the next start reads the topic again, and finds %v", r.found())
			}
		})
	}
}

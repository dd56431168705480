package outbox_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
	"ordertally/shared/outbox/recovery"
)

// copied returns a rig on a copy of the file as it is now, with the same publisher. It does not run yet.
func (r *rig) copied() *rig {
	r.t.Helper()
	twin := &rig{
		t: r.t, path: filepath.Join(r.t.TempDir(), "copy.db"), publisher: r.publisher, relay: r.relay, fork: r.fork,
	}
	if err := r.db.View(r.t.Context(), func(tx *bbolt.Tx) error { return tx.CopyFile(twin.path, 0o600) }); err != nil {
		r.t.Fatal(err)
	}
	twin.open()
	r.t.Cleanup(func() { twin.close() })
	return twin
}

// mayFork opens the file as --fork does.
func (r *rig) mayFork() *rig {
	r.fork = true
	r.openRecovery()
	return r
}

// append adds a message with that key and value. It may be refused.
func (r *rig) append(value string) error {
	return r.db.Write(r.t.Context(), func(tx *boltdb.Tx) error {
		_, err := r.add(tx, outbox.Message{Key: []byte(value), Type: "T", Value: []byte(value)})
		return err
	})
}

// drained waits until there is nothing left to publish.
func (r *rig) drained() {
	r.t.Helper()
	clocktest.Eventually(r.t, "the backlog is empty", func() bool { return r.outbox.Backlog() == 0 })
}

// found returns the kinds of the incidents, oldest first.
func (r *rig) found() (kinds []outbox.IncidentKind) {
	r.t.Helper()
	incidents, err := r.outbox.Incidents(r.t.Context(), 100)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := len(incidents) - 1; i >= 0; i-- {
		kinds = append(kinds, incidents[i].Kind)
	}
	return kinds
}

// onceEach checks that each value is published once, in any order, and that no slot of a lineage has two messages.
func onceEach(t *testing.T, records []outbox.Record, want ...string) {
	t.Helper()
	got := values(records)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Fatalf("published %v\nwant %v", got, want)
	}
	slots := map[string]string{}
	for _, r := range records {
		var lineage, sequence string
		for _, h := range r.Headers {
			switch h.Key {
			case cloudevent.HeaderLineage:
				lineage = string(h.Value)
			case cloudevent.HeaderSequence:
				sequence = string(h.Value)
			}
		}
		if other, taken := slots[lineage+sequence]; taken {
			t.Fatalf("slot %s of lineage %s is both %s and %s", sequence, lineage, other, r.Value)
		}
		slots[lineage+sequence] = string(r.Value)
	}
}

func TestRecovery_ForksAtTheNextStartIfItMay(t *testing.T) {
	r := newRig(t)
	r.start()
	r.place("both 1", "both 2")
	r.await(2)
	r.drained()
	twin := r.copied()
	twin.start()
	twin.place("copy 1")
	r.await(3) // the copy has taken over
	r.stop = nil
	r.ended = make(chan error, 1)
	r.place("original 1")
	// Run's error now goes to r.ended.
	clocktest.Eventually(r.t, "the original is fenced", r.outbox.Fenced)
	if err := r.append("too late"); !errors.Is(err, outbox.ErrFenced) {
		t.Errorf("placed: %v", err)
	}
	if err := <-r.ended; !errors.Is(err, outbox.ErrFenced) {
		t.Fatalf("the relay ended with %v", err)
	}
	twin.place("copy 2")
	r.await(4)
	before := r.outbox.Lineage()
	r.ended = nil
	r.fork = true
	r.restart()
	r.place("original 2")
	onceEach(t, r.await(6), "both 1", "both 2", "copy 1", "copy 2", "original 1", "original 2")
	if r.outbox.Lineage() == before || twin.outbox.Lineage() != before {
		t.Errorf("lineages: %s, then %s; of the copy %s", before, r.outbox.Lineage(), twin.outbox.Lineage())
	}
	if kinds := r.found(); !slices.Equal(kinds, []outbox.IncidentKind{outbox.IncidentFenced, outbox.IncidentForked}) {
		t.Errorf("found %v", kinds)
	}
	if kinds := twin.found(); slices.Contains(kinds, outbox.IncidentFenced) ||
		slices.Contains(kinds, outbox.IncidentForked) {
		t.Errorf("the copy found %v", kinds)
	}
}

// An old backup is started as it is. The file that went on is gone.
func TestRecovery_RefusesAStaleCopy(t *testing.T) {
	r, backup := staleCopy(t)
	backup.ended = make(chan error, 1)
	backup.place("new 1") // before it connects for the first time
	backup.start()
	if err := <-backup.ended; !errors.Is(err, outbox.ErrFenced) {
		t.Fatalf("the relay ended with %v", err)
	}
	if err := backup.append("new 2"); !errors.Is(err, outbox.ErrFenced) {
		t.Errorf("placed afterwards: %v", err)
	}
	onceEach(t, r.publisher.Published(), "a", "b", "lost 1", "lost 2")
	backup.stop()
	r.publisher.ForgetWatermarks() // the file still knows
	for range 2 {
		_, err := recovery.Open(t.Context(), backup.db, backup.outbox, recovery.Config{}, zerolog.Nop())
		if !errors.Is(err, outbox.ErrFenced) {
			t.Errorf("opened again: %v", err)
		}
	}
	if kinds := backup.found(); !slices.Equal(kinds, []outbox.IncidentKind{outbox.IncidentFenced}) {
		t.Errorf("found %v", kinds)
	}
}

func TestRecovery_ForksAStaleCopyThatMay(t *testing.T) {
	r, backup := staleCopy(t)
	backup.place("new 1")
	backup.fork = true
	backup.restart()
	backup.place("new 2")
	onceEach(t, r.await(6), "a", "b", "lost 1", "lost 2", "new 1", "new 2")
	if kinds := backup.found(); !slices.Equal(kinds, []outbox.IncidentKind{outbox.IncidentForked}) {
		t.Errorf("found %v", kinds)
	}
	backup.drained()
	for origin := uint64(1); origin <= 4; origin++ {
		if s := backup.status(origin); s.State != outbox.Published {
			t.Errorf("message %d: %+v", origin, s)
		}
	}
	backup.fork = false
	backup.restart() // the new lineage belongs to it
	backup.place("new 3")
	r.await(7)
	if kinds := backup.found(); len(kinds) != 1 {
		t.Errorf("after a restart: found %v", kinds)
	}
}

// A flag that stays in a unit file does not turn the next divergence into a fork.
func TestRecovery_ForksOnceForAFlag(t *testing.T) {
	r, backup := staleCopy(t)
	backup.mayFork()
	backup.start()
	backup.place("new 1")
	r.await(5)
	backup.drained()
	twin := backup.copied()
	twin.start()
	twin.place("twin 1")
	r.await(6)
	backup.ended = make(chan error, 1)
	backup.place("new 2")
	if err := <-backup.ended; !errors.Is(err, outbox.ErrFenced) {
		t.Fatalf("the relay ended with %v", err)
	}
	if err := recoveryOf(backup, true); !errors.Is(err, outbox.ErrFenced) {
		t.Errorf("opened with the flag once more: %v", err)
	}
	if err := recoveryOf(backup, false); !errors.Is(err, outbox.ErrFenced) {
		t.Errorf("opened without the flag: %v", err)
	}
	if err := recoveryOf(backup, true); err != nil {
		t.Errorf("opened with the flag anew: %v", err)
	}
}

func recoveryOf(r *rig, fork bool) error {
	_, err := recovery.Open(r.t.Context(), r.db, r.outbox, recovery.Config{Fork: fork}, zerolog.Nop())
	return err
}

// staleCopy returns a file that published a, b, lost 1 and lost 2 and then stopped, and a copy from before the last
// two.
func staleCopy(t *testing.T) (r, backup *rig) {
	r = newRig(t)
	r.start()
	r.place("a", "b")
	r.await(2)
	r.drained()
	backup = r.copied()
	r.place("lost 1", "lost 2")
	r.await(4)
	r.drained()
	r.stop()
	return r, backup
}

// A file is copied while it has unpublished messages. They belong to the one that takes over. The other forks and
// leaves them alone.
func TestRecovery_LeavesSharedMessagesToTheOwner(t *testing.T) {
	r := newRig(t)
	down := true
	r.publisher.Script(func(step outboxtest.Step, _ []outbox.Record) error {
		if down && step == outboxtest.Opening {
			return errors.New("down")
		}
		return nil
	})
	r.place("first")
	down = false
	r.start()
	r.await(1)
	r.drained()
	r.stop()
	r.place("both 1", "both 2")
	twin := r.copied()
	r.place("original")
	twin.place("copy")
	twin.start()
	r.await(4)
	twin.stop()
	r.fork = true
	r.restart()
	onceEach(t, r.await(5), "first", "both 1", "both 2", "copy", "original")
	r.drained()
	for origin, want := range []outbox.State{1: outbox.Published, 2: outbox.Published, 3: outbox.Published,
		4: outbox.Published} {
		if origin == 0 {
			continue
		}
		if s := r.status(uint64(origin)); s.State != want {
			t.Errorf("message %d of the original: %+v, want %s", origin, s, want)
		}
	}
}

// A file and its copy are started, stopped, fenced and connected at random, and both get messages. Each message is
// published once. A message may be left to the other file, which then publishes it.
func TestRecovery_RandomCopies(t *testing.T) {
	for seed := range uint64(25) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) { randomCopies(t, seed) })
	}
}

func randomCopies(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 3))
	files := []*rig{newRig(t)}
	files[0].fork = true
	written := map[string]bool{}
	place := func(r *rig) {
		value := fmt.Sprint("m", len(written))
		err := r.append(value)
		switch {
		case err == nil:
			written[value] = true
		case !errors.Is(err, outbox.ErrFenced):
			t.Fatal(err)
		}
	}
	// ensure runs a file's relay again after it was fenced.
	ensure := func(r *rig) {
		if r.stop == nil {
			return
		}
		select {
		case err := <-r.ended:
			if !errors.Is(err, outbox.ErrFenced) {
				t.Fatalf("a relay ended with %v", err)
			}
			r.stop = nil
			r.restart()
		default:
		}
	}
	files[0].ended = make(chan error, 1)
	files[0].relay.BatchMessages = 1 + random.IntN(4)
	for range 60 {
		r := files[random.IntN(len(files))]
		ensure(r)
		switch random.IntN(8) {
		case 0, 1, 2, 3:
			place(r)
		case 4:
			if r.stop == nil {
				r.start()
			}
		case 5:
			if r.stop != nil {
				r.stop()
				if err := <-r.ended; err != nil && !errors.Is(err, outbox.ErrFenced) {
					t.Fatal(err)
				}
				r.close()
				r.open()
			}
		case 6:
			clocktest.Eventually(r.t, "a batch",
				func() bool { return r.stop == nil || len(r.ended) > 0 || r.outbox.Backlog() < 3 })
		case 7:
			if len(files) < 3 {
				twin := r.copied()
				twin.ended = make(chan error, 1)
				files = append(files, twin)
			}
		}
	}
	for range 3 { // the other may fence each of them once
		for _, r := range files {
			if r.stop == nil {
				r.start()
			}
			clocktest.Eventually(r.t, "drained or fenced",
				func() bool { return len(r.ended) > 0 || r.outbox.Backlog() == 0 && !r.outbox.Fenced() })
			ensure(r)
		}
	}
	for _, r := range files {
		clocktest.Eventually(r.t, "drained", func() bool { return r.outbox.Backlog() == 0 })
	}
	var want []string
	for value := range written {
		want = append(want, value)
	}
	onceEach(t, files[0].publisher.Published(), want...)
}

func TestRecovery_ANewFileSaysThatTheTopicHasOrdersOfOthers(t *testing.T) {
	first := newRig(t)
	second := newRig(t)
	second.publisher = first.publisher
	for i, session := range []struct {
		*rig
		warnings int
	}{{first, 0}, {second, 1}, {second, 0}} {
		var log bytes.Buffer
		var err error
		session.recovery, err = recovery.Open(t.Context(), session.db, session.outbox, recovery.Config{},
			zerolog.New(&log))
		if err != nil {
			t.Fatal(err)
		}
		session.start()
		session.place(fmt.Sprint("m", i))
		session.drained()
		session.stop()
		if n := strings.Count(log.String(), "order restore --data NEW --from-topic"); n != session.warnings {
			t.Errorf("session %d: %d warnings, want %d: %s", i, n, session.warnings, &log)
		}
		session.registry = prometheus.NewPedanticRegistry()
	}
}

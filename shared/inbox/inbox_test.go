package inbox_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"ordertally/shared/boltdb"
	"ordertally/shared/inbox"
)

var monday = time.Date(2025, 11, 24, 23, 59, 0, 0, time.UTC)

const day = 24 * time.Hour

// box is a stored inbox. It is opened for each batch, as the service does.
type box struct {
	tb   interface{ Fatal(...any) }
	bolt *bbolt.DB
}

func newBox(t *testing.T) *box {
	t.Helper()
	bolt, err := bbolt.Open(filepath.Join(t.TempDir(), "inbox.db"), 0o600, &bbolt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		err := bolt.View(func(tx *bbolt.Tx) error {
			for err := range tx.Check() {
				t.Error(err)
			}
			return nil
		})
		if err := errors.Join(err, bolt.Close()); err != nil {
			t.Error(err)
		}
	})
	return &box{t, bolt}
}

func (b *box) update(fn func(root *bbolt.Bucket) error) error {
	return b.bolt.Update(func(tx *bbolt.Tx) error {
		root, err := tx.CreateBucketIfNotExists([]byte("inbox"))
		if err != nil {
			return err
		}
		return fn(root)
	})
}

// batch commits one batch of messages, and returns which are to be done. A message without a time is written now.
func (b *box) batch(now time.Time, messages ...inbox.Message) []bool {
	var first []bool
	for _, verdict := range b.decide(now, messages...) {
		first = append(first, verdict == inbox.Do || verdict == inbox.DoCovered)
	}
	return first
}

// decide commits one batch and returns the verdicts.
func (b *box) decide(now time.Time, messages ...inbox.Message) []inbox.Verdict {
	var verdicts []inbox.Verdict
	err := b.update(func(root *bbolt.Bucket) error {
		in, err := inbox.Open(root, now, 0)
		if err != nil {
			return err
		}
		for _, m := range messages {
			if m.Written.IsZero() {
				m.Written = now
			}
			verdict, err := in.Decide(m)
			if err != nil {
				return err
			}
			verdicts = append(verdicts, verdict)
		}
		return in.Flush()
	})
	if err != nil {
		b.tb.Fatal(err)
	}
	return verdicts
}

// reset empties the inbox.
func (b *box) reset() {
	err := b.bolt.Update(func(tx *bbolt.Tx) error {
		if tx.Bucket([]byte("inbox")) == nil {
			return nil
		}
		return tx.DeleteBucket([]byte("inbox"))
	})
	if err != nil {
		b.tb.Fatal(err)
	}
}

func (b *box) count(path ...string) int {
	n := 0
	err := b.bolt.View(func(tx *bbolt.Tx) error {
		bucket := tx.Bucket([]byte("inbox"))
		for _, name := range path {
			bucket = bucket.Bucket([]byte(name))
		}
		return bucket.ForEach(func(_, _ []byte) error { n++; return nil })
	})
	if err != nil {
		b.tb.Fatal(err)
	}
	return n
}

// published returns a message of an order service as the relay publishes it.
func published(lineage string, previous, slot uint64) inbox.Message {
	var id [16]byte
	binary.BigEndian.PutUint64(id[:], slot<<16|0x7000)
	id[8] = 0x80 | lineage[0]&0x3f
	return inbox.Message{
		ID:      fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:]),
		Lineage: lineage, Sequence: slot, Previous: previous,
	}
}

// It reads what one outbox published. Some slots were skipped. The partitions are read at different speeds, and read
// again at any time, long after the keys are gone.
func TestInbox_InterleavedPartitions(t *testing.T) {
	stored := newBox(t)
	rapid.Check(t, func(t *rapid.T) {
		stored.tb = t
		stored.reset()
		const partitions = 3
		var topic [partitions][]inbox.Message
		var previous uint64
		published := func(slot uint64) {
			p := rapid.IntRange(0, partitions-1).Draw(t, "partition")
			topic[p] = append(topic[p], published("L", previous, slot))
			previous = slot
		}
		for slot := uint64(1); slot <= 60; slot++ {
			if rapid.IntRange(0, 4).Draw(t, "skip") > 0 {
				published(slot)
			}
		}
		published(61)
		counted := make(map[uint64]int)
		var position [partitions]int
		now := monday
		var furthest [partitions]int
		read := func(p, n int) {
			batch := slices.Clone(topic[p][position[p]:min(position[p]+n, len(topic[p]))])
			for i := range batch {
				batch[i].Written, batch[i].ReadBefore = monday, position[p]+i < furthest[p]
			}
			position[p] += len(batch)
			furthest[p] = max(furthest[p], position[p])
			for i, once := range stored.batch(now, batch...) {
				if once {
					counted[batch[i].Sequence]++
				}
			}
			now = now.Add(40 * day) // no key of an earlier batch is left
		}
		for range 30 {
			p := rapid.IntRange(0, partitions-1).Draw(t, "read")
			if rapid.IntRange(0, 9).Draw(t, "rewind") == 0 {
				position[p] = 0
			}
			read(p, rapid.IntRange(1, 20).Draw(t, "n"))
		}
		for p := range partitions {
			read(p, 100)
		}
		for _, messages := range topic {
			for _, m := range messages {
				if counted[m.Sequence] != 1 {
					t.Fatalf("slot %d was counted %d times", m.Sequence, counted[m.Sequence])
				}
			}
		}
		if n := stored.count("slots", "L"); n != 1 {
			t.Fatalf("all was read and %d intervals are left, want 1", n)
		}
	})
}

func TestInbox_RefusesWhatIsSentAgainUnderANewSlot(t *testing.T) {
	stored := newBox(t)
	m := published("L", 0, 1)
	again := m
	again.Sequence, again.Previous = 9, 4
	got := slices.Concat(stored.batch(monday, m), stored.batch(monday, again), stored.batch(monday.Add(365*day), again))
	if want := []bool{true, false, false}; !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestKeys_LiveForTheirRetention(t *testing.T) {
	stored := newBox(t)
	foreign := inbox.Message{ID: "webshop/4711"}
	stored.batch(monday, foreign)
	for i := 1; i <= 14; i++ {
		stored.batch(monday.Add(time.Duration(i)*day), inbox.Message{ID: fmt.Sprint("other", i)})
	}
	if stored.batch(monday.Add(14*day), foreign)[0] {
		t.Fatal("a key was forgotten within its retention")
	}
	for i := 15; i <= 28; i++ { // the last arrival, on day 14, renewed the retention
		stored.batch(monday.Add(time.Duration(i)*day), inbox.Message{ID: fmt.Sprint("other", i)})
	}
	if stored.batch(monday.Add(28*day), foreign)[0] {
		t.Fatal("a key was forgotten within the retention of its last arrival")
	}
	for i := 29; i <= 44; i++ {
		stored.batch(monday.Add(time.Duration(i)*day), inbox.Message{ID: fmt.Sprint("other", i)})
	}
	if !stored.batch(monday.Add(44*day), foreign)[0] {
		t.Fatal("a key outlived its retention")
	}
	if n := stored.count("keys"); n != 15 {
		t.Fatalf("%d days are kept, want 15", n)
	}
}

func (b *box) find(m inbox.Message) (found inbox.Trace) {
	err := b.bolt.View(func(tx *bbolt.Tx) (err error) {
		found, err = inbox.Find(tx.Bucket([]byte("inbox")), m)
		return err
	})
	if err != nil {
		b.tb.Fatal(err)
	}
	return found
}

func TestFind_TellsWhenAMessageWasFirstRead(t *testing.T) {
	stored := newBox(t)
	m, foreign, never := published("L", 0, 1), inbox.Message{ID: "webshop/4711"}, published("L", 1, 2)
	wants := func(when string, m inbox.Message, want inbox.Trace) {
		t.Helper()
		if got := stored.find(m); got != want {
			t.Errorf("%s: %+v is known as %+v, want %+v", when, m, got, want)
		}
	}
	stored.batch(monday) // no message
	wants("before", m, inbox.Trace{})
	at := monday.Add(1234567 * time.Microsecond) // it is on the next day, some seconds after midnight
	stored.batch(at, m, foreign, foreign)
	wants("read", m, inbox.Trace{ByID: true, BySequence: true, At: at})
	wants("read", inbox.Message{ID: m.ID}, inbox.Trace{ByID: true, At: at})
	wants("read", inbox.Message{ID: "another", Lineage: "L", Sequence: 1}, inbox.Trace{BySequence: true})
	wants("read", inbox.Message{ID: "another", Lineage: "M", Sequence: 1}, inbox.Trace{})
	wants("read", foreign, inbox.Trace{ByID: true, At: at})
	wants("read", never, inbox.Trace{})
	stored.batch(at.Add(3*day), m, foreign)
	wants("read again", m, inbox.Trace{ByID: true, BySequence: true, At: at})
	wants("read again", foreign, inbox.Trace{ByID: true, At: at})
	for i := range 16 {
		stored.batch(at.Add(time.Duration(4+i)*day), inbox.Message{ID: fmt.Sprint("other", i)})
	}
	wants("expired", m, inbox.Trace{BySequence: true})
	wants("expired", foreign, inbox.Trace{})
	m.Written, m.ReadBefore = at, true
	stored.batch(at.Add(30*day), m) // its slot refuses it
	wants("read again after it expired", m, inbox.Trace{BySequence: true})
}

func TestKeys_AClockThatLeapsForgetsNothing(t *testing.T) {
	stored := newBox(t)
	stored.batch(monday, inbox.Message{ID: "before"})
	stored.batch(monday.Add(60*day), inbox.Message{ID: "ahead"})
	stored.batch(monday.Add(-60*day), inbox.Message{ID: "behind"})
	for _, id := range []string{"before", "ahead", "behind"} {
		if stored.batch(monday, inbox.Message{ID: id})[0] {
			t.Errorf("%s was forgotten", id)
		}
	}
}

func TestDecide_RefusesWhatIsNoMessage(t *testing.T) {
	stored := newBox(t)
	long := strings.Repeat("x", 256)
	for _, m := range []inbox.Message{
		{}, {ID: long}, {ID: "a", Lineage: long, Sequence: 1},
		{ID: "a", Lineage: "L"}, {ID: "a", Lineage: "L", Sequence: 4, Previous: 4},
	} {
		err := stored.update(func(root *bbolt.Bucket) error {
			in, err := inbox.Open(root, monday, 0)
			if err != nil {
				return err
			}
			_, err = in.Decide(m)
			return err
		})
		if err == nil {
			t.Errorf("%.60v was accepted", m)
		}
	}
}

func TestInbox_SeesAFlippedBit(t *testing.T) {
	for _, path := range []string{"keys/2025-11-24", "slots/L"} {
		stored := newBox(t)
		m := published("L", 0, 1)
		stored.batch(monday, m)
		err := stored.update(func(root *bbolt.Bucket) error {
			parent, name, _ := strings.Cut(path, "/")
			bucket := root.Bucket([]byte(parent)).Bucket([]byte(name))
			key, value := bucket.Cursor().First()
			flipped := slices.Clone(value)
			flipped[len(flipped)-1] ^= 1
			if err := bucket.Put(slices.Clone(key), flipped); err != nil {
				return err
			}
			in, err := inbox.Open(root, monday, 0)
			if err != nil {
				return err
			}
			_, err = in.Decide(m)
			return err
		})
		if !errors.Is(err, boltdb.ErrCorrupt) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

package runs

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"ordertally/shared/boltdb"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	testRoot  = []byte("indexes")
	testSpecs = []Spec{
		{Name: "aged", Rest: 12, Filter: true, Time: func(rest []byte) time.Time {
			return time.Unix(int64(binary.BigEndian.Uint32(rest[8:])), 0)
		}},
		{Name: "lists", Rest: 8},
	}
	errUndo = errors.New("undo this one")
)

// machine is a Set beside what it must answer.
type machine struct {
	path string
	db   *boltdb.DB
	set  *Set
	now  time.Time
	keep Retention

	model  []map[string]bool // entries by index
	serial uint64
	// looks are lookups that began some steps ago.
	looks [][]Lookup
}

func newMachine(t *rapid.T, path string) *machine {
	m := &machine{path: path, now: time.Unix(1_700_000_000, 0)}
	m.keep = Retention{Keep: 1000 * time.Second, Now: func() time.Time { return m.now }}
	for range testSpecs {
		m.model = append(m.model, map[string]bool{})
	}
	m.open(t)
	return m
}

func (m *machine) open(t *rapid.T) {
	var err error
	if m.db, err = boltdb.Open(m.path, boltdb.Options{}); err != nil {
		t.Fatal(err)
	}
	if err := createTest(m.db); err != nil {
		t.Fatal(err)
	}
	m.set, err = Open(context.Background(), m.db, testRoot, testSpecs,
		Config{Segment: 20, Tier: 3, Step: 1 + rapid.IntRange(0, 1).Draw(t, "large steps")*3000})
	if err != nil {
		t.Fatal(err)
	}
	m.look()
}

// look begins a lookup of each hash.
func (m *machine) look() {
	m.looks = make([][]Lookup, hashes)
	for n := range m.looks {
		for i := range testSpecs {
			m.looks[n] = append(m.looks[n], m.set.Index(i).Look(Sum(fmt.Sprint(n))))
		}
	}
}

func createTest(db *boltdb.DB) error {
	return db.Write(context.Background(), func(tx *boltdb.Tx) error {
		if tx.Bucket(testRoot) != nil {
			return boltdb.Refuse(nil)
		}
		return Create(tx, testRoot, testSpecs)
	})
}

func (m *machine) close(t rapid.TB) {
	if err := m.db.Close(); err != nil {
		t.Fatal(err)
	}
}

const (
	added  = 50 // different hashes that entries have: few, so that many share one
	hashes = 55 // that are looked for
)

func hashOf(n int) Hash { return Sum(fmt.Sprint(n % added)) }

// entry makes an entry of an index: mostly newer ones have smaller rests.
func (m *machine) entry(x, n int) Entry {
	m.serial++
	e := Entry{Index: m.set.Index(x), Hash: hashOf(n)}
	if x == 0 {
		e.Rest = binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint64(nil, m.serial), uint32(m.now.Unix()))
	} else if n%10 > 0 {
		e.Rest = binary.BigEndian.AppendUint64(nil, ^m.serial)
	} else {
		e.Rest = binary.BigEndian.AppendUint64(nil, m.serial)
	}
	return e
}

// group writes requests in one group: each adds one entry to each index. Some ask to be undone after they wrote, so
// that the group runs again. Every request must see what the earlier ones of its group added, and nothing else.
func (m *machine) group(t rapid.TB, requests []int) {
	started, release := make(chan bool), make(chan bool)
	hold := make(chan error)
	go func() { // keeps the committer busy until all have asked, so that they share a commit
		first := true
		hold <- m.db.Write(context.Background(), func(*boltdb.Tx) error {
			if first {
				first = false
				close(started)
				<-release
			}
			return boltdb.Refuse(nil)
		})
	}()
	<-started
	done := make(chan error, len(requests))
	kept := make([][]Entry, len(requests))
	for i, n := range requests {
		entries := []Entry{m.entry(0, n), m.entry(1, n)}
		undo := n%7 == 3
		if !undo {
			kept[i] = entries
		}
		go func() {
			err := m.db.Write(context.Background(), func(tx *boltdb.Tx) error {
				for j := range entries {
					if found, err := m.found(tx, &entries[j]); err != nil || found {
						return fmt.Errorf("found before it was added: %v, %w", found, err)
					}
				}
				if err := m.set.Append(tx, entries...); err != nil {
					return err
				}
				for j := range entries {
					if found, err := m.found(tx, &entries[j]); err != nil || !found {
						return fmt.Errorf("not found after it was added: %w", err)
					}
				}
				if undo {
					return errUndo
				}
				return nil
			})
			if undo && errors.Is(err, errUndo) {
				err = nil
			}
			done <- err
		}()
	}
	close(release)
	if err := <-hold; err != nil {
		t.Fatal(err)
	}
	for range requests {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	for _, entries := range kept {
		for j := range entries {
			m.model[j][string(entries[j].Hash[:])+string(entries[j].Rest)] = true
		}
	}
}

func (m *machine) found(tx *boltdb.Tx, e *Entry) (found bool, err error) {
	look := e.Index.Look(e.Hash)
	err = look.Find(tx, func(rest []byte) bool {
		found = bytes.Equal(rest, e.Rest)
		return !found
	})
	return found, err
}

// check compares all that is found with the model. Entries that have expired may be found or not.
func (m *machine) check(t rapid.TB) {
	t.Helper()
	err := m.set.View(context.Background(), func(tx *bbolt.Tx, at *Snapshot) error {
		for i := range testSpecs {
			for n := range hashes {
				hash := Sum(fmt.Sprint(n))
				if err := m.compare(tx, at, i, hash); err != nil {
					return fmt.Errorf("index %d, hash %d: %w", i, n, err)
				}
			}
		}
		return nil
	})
	if err == nil {
		err = m.db.Write(context.Background(), func(tx *boltdb.Tx) error {
			for n, looks := range m.looks {
				for i := range looks {
					if err := sameNow(tx, &looks[i]); err != nil {
						return fmt.Errorf("index %d, hash %d: %w", i, n, err)
					}
				}
			}
			return boltdb.Refuse(nil)
		})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// sameNow compares what a lookup of some steps ago finds with what one finds that begins now, with a look and without.
func sameNow(tx *boltdb.Tx, old *Lookup) error {
	now := old.index.Look(old.hash)
	var found [3][]string
	for i, l := range []*Lookup{old, &now, {index: old.index, hash: old.hash}} {
		if err := l.Find(tx, func(rest []byte) bool {
			found[i] = append(found[i], string(rest))
			return true
		}); err != nil {
			return err
		}
	}
	if !slices.Equal(found[0], found[2]) || !slices.Equal(found[1], found[2]) {
		return fmt.Errorf("an old look finds %x, a new one %x, and there is %x", found[0], found[1], found[2])
	}
	return nil
}

func (m *machine) compare(tx *bbolt.Tx, at *Snapshot, i int, hash Hash) error {
	x := m.set.Index(i)
	var want, got, walked []string
	for e := range m.model[i] {
		if e[:hashSize] == string(hash[:]) && !m.expired(i, e[hashSize:]) {
			want = append(want, e[hashSize:])
		}
	}
	slices.Sort(want)
	if err := at.Find(tx, x, hash, func(rest []byte) bool {
		got = append(got, string(rest))
		return true
	}); err != nil {
		return err
	}
	slices.Sort(got)
	w, err := at.Walk(tx, x, hash, nil)
	if err != nil {
		return err
	}
	for {
		rest, err := w.Next()
		if err != nil {
			return err
		}
		if rest == nil {
			break
		}
		walked = append(walked, string(rest))
	}
	if !slices.Equal(got, walked) {
		return fmt.Errorf("found %x, walked %x", got, walked)
	}
	for _, rest := range got {
		if !m.model[i][string(hash[:])+rest] {
			return fmt.Errorf("found %x, which was never kept", rest)
		}
	}
	got = slices.DeleteFunc(got, func(rest string) bool { return m.expired(i, rest) })
	if !slices.Equal(got, want) {
		return fmt.Errorf("found %x, want %x", got, want)
	}
	if len(walked) == 0 {
		return nil
	}
	from := walked[len(walked)/2]
	w, err = at.Walk(tx, x, hash, []byte(from))
	if err != nil {
		return err
	}
	if rest, err := w.Next(); err != nil || string(rest) != from {
		return fmt.Errorf("a walk from %x begins at %x, %w", from, rest, err)
	}
	return nil
}

func (m *machine) expired(i int, rest string) bool {
	return testSpecs[i].Time != nil && testSpecs[i].Time([]byte(rest)).Before(m.now.Add(-m.keep.Keep))
}

// TestSet_AnswersAsAMap adds entries in groups, some of which run twice, folds, merges, drops, and opens the file
// again, in random order.
func TestSet_AnswersAsAMap(t *testing.T) {
	few(t)
	dir := t.TempDir()
	round := 0
	steps := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		round++
		m := newMachine(t, filepath.Join(dir, fmt.Sprint(round, ".db")))
		defer func() { m.close(t) }()
		maintain := func(name string, step func() (bool, error)) func(*rapid.T) {
			return func(t *rapid.T) {
				did, err := step()
				if err != nil {
					t.Fatal(err)
				}
				if !did {
					t.Skip("nothing to do")
				}
				steps[name]++
			}
		}
		add := func(t *rapid.T) { m.group(t, rapid.SliceOfN(rapid.IntRange(0, 1000), 1, 60).Draw(t, "requests")) }
		t.Repeat(map[string]func(*rapid.T){
			"add": add, "add more": add, "add still more": add,
			"wait": func(t *rapid.T) {
				m.now = m.now.Add(
					time.Duration(rapid.IntRange(1, 900).Draw(t, "s")) * time.Second)
			},
			"fold": maintain("fold", func() (bool, error) { return m.set.fold(context.Background()) }),
			"merge": maintain("merge", func() (bool, error) {
				return m.set.merge(context.Background(), &m.keep)
			}),
			"expire": maintain("expire", func() (bool, error) { return m.set.expire(context.Background(), &m.keep) }),
			"drop":   maintain("drop", func() (bool, error) { return m.set.drop(context.Background()) }),
			"reopen": func(t *rapid.T) { m.close(t); m.open(t) },
			"look":   func(*rapid.T) { m.look() },
			"":       func(t *rapid.T) { m.check(t) },
		})
		m.finale(t, steps)
	})
	t.Logf("%d rounds: %v", round, steps)
	for _, name := range []string{"fold", "merge", "expire", "drop"} {
		if steps[name] == 0 {
			t.Errorf("no %s: the test shows nothing", name)
		}
	}
}

// finale does every kind of step, so that none depends on chance.
func (m *machine) finale(t *rapid.T, steps map[string]int) {
	until := func(name string, step func() (bool, error)) {
		for {
			did, err := step()
			if err != nil {
				t.Fatal(err)
			}
			if !did {
				m.check(t)
				return
			}
			steps[name]++
		}
	}
	many := make([]int, 70)
	for i := range many {
		many[i] = 10*i + 1
	}
	for range 5 {
		m.group(t, many)
	}
	ctx := context.Background()
	until("fold", func() (bool, error) { return m.set.fold(ctx) })
	until("merge", func() (bool, error) { return m.set.merge(ctx, &m.keep) })
	m.now = m.now.Add(2 * m.keep.Keep)
	until("expire", func() (bool, error) { return m.set.expire(ctx, &m.keep) })
	until("drop", func() (bool, error) { return m.set.drop(ctx) })
}

// few makes rapid try fewer machines than usual, because each one waits for the disk, unless a flag says how many.
func few(t *testing.T) {
	t.Helper()
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set("8"); err != nil {
			t.Fatal(err)
		}
	}
}

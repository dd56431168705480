package activitystore_test

import (
	"slices"
	"testing"

	"ordertally/activity"
	"ordertally/activity/activitystore"
)

// beside opens the store of another activity in the file.
func (f *file) beside(name, topic string) *activitystore.Store {
	f.t.Helper()
	other := def
	other.Name, other.Topic = name, topic
	store, err := activitystore.Open(f.t.Context(), f.db, other, f.options)
	if err != nil {
		f.t.Fatal(err)
	}
	return store
}

// stand applies a batch that only moves a position, of partition 3.
func stand(t *testing.T, store *activitystore.Store, position activity.Position) {
	t.Helper()
	_, err := store.Apply(t.Context(), &activity.Batch{Next: map[int32]activity.Position{3: position}})
	if err != nil {
		t.Fatal(err)
	}
}

// together returns the names of the activities that can be counted together.
func together(t *testing.T, stores ...*activitystore.Store) (names [][]string) {
	t.Helper()
	groups, err := activitystore.Together(t.Context(), stores...)
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range groups {
		var of []string
		for _, def := range group.Definitions() {
			of = append(of, def.Name)
		}
		names = append(names, of)
	}
	return names
}

func TestTogether_AreThoseThatStandBehindTheSameRecords(t *testing.T) {
	const one, other = "b", "c"
	read := activity.Position{
		Offset: 7, LeaderEpoch: 2, TopicID: "T", Furthest: 9,
		Checkpoints: []activity.Checkpoint{{Offset: 6, Identity: "six"}, {Offset: 4, Identity: "four"}},
	}
	for _, tc := range []struct {
		name   string
		topic  string
		change func(*activity.Position)
		want   [][]string
	}{
		{"the same", def.Topic, func(*activity.Position) {}, [][]string{{one, other}}},
		{"batches cut elsewhere", def.Topic, func(p *activity.Position) {
			p.Checkpoints = []activity.Checkpoint{{Offset: 6, Identity: "six"}, {Offset: 1, Identity: "one"}}
		}, [][]string{{one, other}}},
		{"read further once", def.Topic, func(p *activity.Position) { p.Furthest = 0 }, [][]string{{one, other}}},
		{"another topic", "t", func(*activity.Position) {}, [][]string{{one}, {other}}},
		{"another offset", def.Topic, func(p *activity.Position) { p.Offset++ }, [][]string{{one}, {other}}},
		{"another epoch", def.Topic, func(p *activity.Position) { p.LeaderEpoch++ }, [][]string{{one}, {other}}},
		{"the topic made anew", def.Topic, func(p *activity.Position) { p.TopicID = "U" }, [][]string{{one}, {other}}},
		{"another record there", def.Topic, func(p *activity.Position) {
			p.Checkpoints = []activity.Checkpoint{{Offset: 6, Identity: "another"}, {Offset: 4, Identity: "four"}}
		}, [][]string{{one}, {other}}},
		{"no record read", def.Topic, func(p *activity.Position) { p.Checkpoints = nil }, [][]string{{one}, {other}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f := newFile(t)
			first, second := f.beside(one, def.Topic), f.beside(other, tc.topic)
			stand(t, first, read)
			if names := together(t, first, second); !slices.EqualFunc(names, [][]string{{one}, {other}}, slices.Equal) {
				t.Fatalf("one has read and the other has not: %v", names)
			}
			position := read
			tc.change(&position)
			stand(t, second, position)
			if names := together(t, first, second); !slices.EqualFunc(names, tc.want, slices.Equal) {
				t.Errorf("together are %v, want %v", names, tc.want)
			}
		})
	}
	f := newFile(t) // where nothing was read, and in order
	names := together(t, f.beside(one, "t"), f.Store, f.beside(other, "t"))
	if want := [][]string{{one, other}, {def.Name}}; !slices.EqualFunc(names, want, slices.Equal) {
		t.Errorf("of two topics %v are together, want %v", names, want)
	}
}

// TestStores_ApplyForAllOrNone: a message that the second cannot count leaves the first as it was.
func TestStores_ApplyForAllOrNone(t *testing.T) {
	f := newFile(t)
	stores := activitystore.Stores{f.Store, f.beside("cancelled", def.Topic)}
	good := batch(10, message("a", 0, noon, 100))
	broken := batch(10, message("b", 0, noon, 100))
	broken.Covers = []activity.Cover{{Lineage: "L", First: 2, Last: 1}}
	if _, err := stores.Apply(t.Context(), []*activity.Batch{good, broken}); err == nil {
		t.Fatal("a cover that ends before it begins was applied")
	}
	next := func() (offsets []int64) {
		t.Helper()
		for _, s := range stores {
			asOf, err := s.AsOf(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			offsets = append(offsets, asOf.Next[0].Offset)
		}
		return offsets
	}
	if offsets := next(); !slices.Equal(offsets, []int64{0, 0}) {
		t.Fatalf("after a failure they stand at %v", offsets)
	}
	broken.Covers = nil
	verdicts, err := stores.Apply(t.Context(), []*activity.Batch{good, broken})
	if err != nil {
		t.Fatal(err)
	}
	counted := []activity.Verdict{activity.VerdictCounted}
	if want := [][]activity.Verdict{counted, counted}; !slices.EqualFunc(verdicts, want, slices.Equal) {
		t.Errorf("decided %v, want %v", verdicts, want)
	}
	if offsets := next(); !slices.Equal(offsets, []int64{10, 10}) {
		t.Errorf("they stand at %v", offsets)
	}
}

// pair opens two stores in a file. In stores, other is the first or the second.
func pair(t *testing.T, first bool) (f *file, other *activitystore.Store, stores activitystore.Stores) {
	t.Helper()
	f = newFile(t)
	other = f.beside("cancelled", def.Topic)
	stores = activitystore.Stores{f.Store, other}
	if first {
		slices.Reverse(stores)
	}
	return f, other, stores
}

// TestStores_SuspectWhatTheActivityWithMostDeathsDoes: activities that were read apart know different things.
func TestStores_SuspectWhatTheActivityWithMostDeathsDoes(t *testing.T) {
	for _, first := range []bool{true, false} {
		f, other, stores := pair(t, first)
		begin := func(stores ...*activitystore.Store) activity.Suspicion {
			t.Helper()
			found, err := activitystore.Stores(stores).BeginReading(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return found
		}
		begin(other)
		begin(other)
		begin(f.Store)
		f.note(activitystore.Stores{other}.ReadingAt(t.Context(), 3, 10))
		if found := begin(stores...); found.Suspect == nil || found.Suspect.Offset != 10 {
			t.Errorf("found %+v, want the suspect at 10", found)
		}
		f.note(stores.ReadingAt(t.Context(), 3, 11))
		if alone := begin(f.Store); alone.Suspect == nil || alone.Suspect.Offset != 11 {
			t.Errorf("the first knows of %+v, want the suspect at 11", alone)
		}
		f.note(stores.EndReading(t.Context()))
		if found := begin(stores...); found.Deaths != 0 {
			t.Errorf("after an end in order: %+v", found)
		}
	}
}

// TestStores_SuspectAPartitionThatOneOfThemDoes, after as many deaths of each. Each of them had counted in a partition
// where the other stood still.
func TestStores_SuspectAPartitionThatOneOfThemDoes(t *testing.T) {
	for _, first := range []bool{true, false} {
		f, other, stores := pair(t, first)
		for range 2 {
			for _, s := range stores {
				if _, err := (activitystore.Stores{s}).BeginReading(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		f.note(activitystore.Stores{other}.ReadingAt(t.Context(), 3, 10))
		stand(t, f.Store, activity.Position{Offset: 20})
		moved := &activity.Batch{Next: map[int32]activity.Position{5: {Offset: 7}}}
		if _, err := other.Apply(t.Context(), moved); err != nil {
			t.Fatal(err)
		}
		found, err := stores.BeginReading(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if found.Deaths != 2 || found.Suspect == nil || found.Suspect.Offset != 10 || len(found.Moved) != 0 {
			t.Errorf("found %+v, want two deaths, the suspect at 10, and no partition that is not suspected", found)
		}
	}
}

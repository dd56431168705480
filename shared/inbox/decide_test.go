package inbox_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"pgregory.net/rapid"

	"ordertally/shared/inbox"
	"ordertally/shared/uuidv7"
)

// rules are the rules of C3a, on sets in memory.
type rules struct {
	ids     map[string][]inbox.Content
	covered map[string]bool      // lineage and slot
	oldest  time.Time            // what was written before it may have been forgotten; zero for nothing
	written map[string]time.Time // when the messages of the order service got their slots, by id
}

func slotName(lineage string, slot uint64) string { return fmt.Sprint(lineage, "/", slot) }

func (r *rules) cover(m inbox.Message, from uint64) {
	for slot := from; m.Lineage != "" && slot <= m.Sequence; slot++ {
		r.covered[slotName(m.Lineage, slot)] = true
	}
}

func (r *rules) decide(m inbox.Message, now time.Time) inbox.Verdict {
	contents, known := r.ids[m.ID]
	covered := m.Lineage != "" && r.covered[slotName(m.Lineage, m.Sequence)]
	written := m.Written
	if m.Republished {
		written = r.written[m.ID]
	}
	old := written.Before(r.oldest) || written.After(now.Add(day))
	verdict := inbox.Late
	switch {
	case old && covered && m.ReadBefore: // the first decision stands; an operator may still accept it
		return inbox.Refuse
	case known && !slices.Contains(contents, m.Content):
		verdict = inbox.Conflict
	case known, old && covered && m.Republished:
		verdict = inbox.Refuse
	case !old && covered:
		verdict = inbox.DoCovered
	case !old, m.Lineage != "" && !covered:
		verdict = inbox.Do
	}
	if verdict == inbox.Conflict || verdict == inbox.Late {
		r.cover(m, m.Sequence)
		return verdict
	}
	r.cover(m, m.Previous+1)
	if !known {
		r.ids[m.ID] = []inbox.Content{m.Content}
	}
	return verdict
}

// stood is a message as it stands in the topic. It also has the number of the genuine message, or 0 if it is forged.
type stood struct {
	inbox.Message
	genuine int
	over    bool // its type is passed over
}

// conflicts is an order service, somebody who forges messages, and a reader that reads again and forgets. It runs them
// through the inbox.
type conflicts struct {
	t       *rapid.T
	stored  *box
	rules   rules
	now     time.Time
	topic   [2][]stood
	next    [2]int // the next to read
	reached [2]int // the furthest one read

	ids             *uuidv7.Source
	placed          int
	slot, published uint64
	forged, forgot  int
	counted, kept   map[int]int
}

func (c *conflicts) draw(name string, to int) int { return rapid.IntRange(0, to).Draw(c.t, name) }

func (c *conflicts) append(s stood) {
	p := c.draw("partition", 1)
	c.topic[p] = append(c.topic[p], s)
}

// all returns the genuine messages in the topic.
func (c *conflicts) all() (all []stood) {
	for _, partition := range c.topic {
		for _, s := range partition {
			if s.genuine > 0 {
				all = append(all, s)
			}
		}
	}
	return all
}

func (c *conflicts) place(over bool) {
	c.placed++
	c.slot += uint64(1 + c.draw("skipped", 1))
	m := inbox.Message{
		ID: c.ids.Next().String(), Content: inbox.Content{byte(c.placed)}, Lineage: "L", Sequence: c.slot,
		Previous: c.published, Written: c.now,
	}
	c.published, c.rules.written[m.ID] = c.slot, c.now
	c.append(stood{m, c.placed, over})
}

// again publishes a message a second time, as reconciliation or an operator does.
func (c *conflicts) again(operator bool) {
	all := c.all()
	if len(all) == 0 {
		return
	}
	s := all[c.draw("which", len(all)-1)]
	if operator { // what counts is when it was written, and it covers its own slot
		s.Republished, s.Written, s.Previous = true, c.now, s.Sequence-1
	} else if !s.Written.Equal(c.now) {
		return // reconciliation publishes what is retained, which is younger than the ids
	}
	c.append(s)
}

func (c *conflicts) forge() {
	m := inbox.Message{ID: "forged", Content: inbox.Content{0xff, byte(c.forged)},
		Lineage: rapid.SampledFrom([]string{"L", "M"}).Draw(c.t, "lineage"), Written: c.now}
	if all := c.all(); len(all) > 0 && rapid.Bool().Draw(c.t, "copied id") {
		m.ID = all[c.draw("whose", len(all)-1)].ID
	}
	if rapid.Bool().Draw(c.t, "backdated") {
		m.Written = monday
	}
	m.Previous = uint64(c.draw("previous", int(c.slot)+1))
	m.Sequence = m.Previous + rapid.SampledFrom([]uint64{1, 2, 200}).Draw(c.t, "jump")
	c.forged++
	c.append(stood{Message: m})
}

// read lets the inbox and the rules decide about some messages, and compares their verdicts.
func (c *conflicts) read(p, n int) {
	from := c.next[p]
	to := min(from+n, len(c.topic[p]))
	var asked []inbox.Message
	var of []stood
	var want []inbox.Verdict
	for at := from; at < to; at++ {
		s := c.topic[p][at]
		s.ReadBefore = at < c.reached[p]
		if s.over { // no other message of this batch is in the topic before it
			c.decide(asked, of, want)
			asked, of, want = nil, nil, nil
			c.rules.cover(s.Message, s.Previous+1)
			c.stored.cover(c.now, s.Message)
			continue
		}
		asked, of, want = append(asked, s.Message), append(of, s), append(want, c.rules.decide(s.Message, c.now))
	}
	c.next[p], c.reached[p] = to, max(c.reached[p], to)
	c.decide(asked, of, want)
}

func (c *conflicts) decide(asked []inbox.Message, of []stood, want []inbox.Verdict) {
	got := c.stored.decide(c.now, asked...)
	if !slices.Equal(got, want) {
		c.t.Fatalf("%+v\ngot  %v\nwant %v", asked, got, want)
	}
	for i, verdict := range got {
		switch verdict {
		case inbox.Do, inbox.DoCovered:
			c.counted[of[i].genuine]++
		case inbox.Conflict, inbox.Late:
			c.kept[of[i].genuine]++
		}
	}
}

func (c *conflicts) readAll() {
	for p := range c.topic {
		c.read(p, len(c.topic[p]))
	}
}

// forget drops all ids after their retention, once everything was read.
func (c *conflicts) forget() {
	c.readAll()
	first := c.now
	for i := 1; i <= 16; i++ {
		c.now = first.Add(time.Duration(i) * day)
		c.stored.batch(c.now, inbox.Message{ID: fmt.Sprint("other", c.now)})
	}
	clear(c.rules.ids)
	c.rules.oldest = first.Add(3 * day).Truncate(day) // the day of first was dropped, and one day more counts as old
	c.forgot++
}

// clockOf is a clock that a test sets.
type clockOf func() time.Time

// Now implements clock.Clock.
func (now clockOf) Now() time.Time { return now() }

// Genuine, repeated, replayed, late, copied and forged messages are decided as the rules say. No message of the order
// service is counted twice, or dropped unnoticed. A forged message puts at most one of them into a ledger. Without one
// there is no conflict.
func TestInbox_DecidesByTheRules(t *testing.T) {
	stored := newBox(t)
	rapid.Check(t, func(t *rapid.T) {
		stored.tb = t
		stored.reset()
		c := &conflicts{t: t, stored: stored, now: monday, counted: map[int]int{}, kept: map[int]int{}}
		c.rules = rules{ids: map[string][]inbox.Content{}, covered: map[string]bool{}, written: map[string]time.Time{}}
		c.ids = uuidv7.NewSource(clockOf(func() time.Time { return c.now }), 0, uuidv7.ID{})
		rewound := 0
		for range rapid.IntRange(1, 24).Draw(t, "steps") {
			switch c.draw("step", 11) {
			case 0, 1, 2:
				c.place(false)
			case 3:
				c.place(true)
			case 4:
				c.again(false)
			case 5:
				if c.forged == 0 { // an operator's is refused if its slot decides; a forged one can cause that
					c.again(true)
				}
			case 6, 7, 8:
				c.read(c.draw("read", 1), 1+c.draw("n", 4))
			case 9:
				if rewound == 0 {
					rewound++
					c.next = [2]int{}
				}
			case 10:
				if c.forgot == 0 {
					c.forget()
				}
			case 11:
				if c.forged == 0 {
					c.forge()
				}
			}
		}
		c.readAll()
		kept := 0
		for genuine := 1; genuine <= c.placed; genuine++ {
			over := slices.ContainsFunc(c.all(), func(s stood) bool { return s.genuine == genuine && s.over })
			switch {
			case over:
			case c.counted[genuine] > 1:
				t.Fatalf("message %d was counted %d times", genuine, c.counted[genuine])
			case c.counted[genuine]+c.kept[genuine] == 0:
				t.Fatalf("message %d was dropped in silence", genuine)
			case c.kept[genuine] > 0:
				kept++
			}
		}
		if kept > c.forged {
			t.Fatalf("%d genuine messages are in a ledger, and %d were forged", kept, c.forged)
		}
	})
}

// cover covers the slots of a message that is passed over.
func (b *box) cover(now time.Time, m inbox.Message) {
	err := b.update(func(root *bbolt.Bucket) error {
		in, err := inbox.Open(root, now, 0)
		if err == nil {
			err = in.Cover(m.Lineage, m.Previous+1, m.Sequence)
		}
		if err != nil {
			return err
		}
		return in.Flush()
	})
	if err != nil {
		b.tb.Fatal(err)
	}
}

// The attack is one record that claims to cover all slots of a lineage.
func TestInbox_AForgedSlotSilencesNobody(t *testing.T) {
	stored := newBox(t)
	forged := inbox.Message{ID: "forged", Content: inbox.Content{1}, Lineage: "L", Sequence: 1 << 62}
	got := stored.decide(monday, published("L", 0, 1), forged, published("L", 1, 2), published("L", 2, 3),
		published("L", 2, 3))
	want := []inbox.Verdict{inbox.Do, inbox.Do, inbox.DoCovered, inbox.DoCovered, inbox.Refuse}
	if !slices.Equal(got, want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

// A message from a ledger is accepted whatever its slots and time say.
func TestInbox_AcceptsOneContentOnce(t *testing.T) {
	stored := newBox(t)
	m := published("L", 0, 1)
	other := m
	other.Content = inbox.Content{7}
	if got := stored.decide(monday, m, other, m); !slices.Equal(got,
		[]inbox.Verdict{inbox.Do, inbox.Conflict, inbox.Refuse}) {
		t.Fatalf("got %v", got)
	}
	accept := func(m inbox.Message) (accepted bool) {
		err := stored.update(func(root *bbolt.Bucket) error {
			in, err := inbox.Open(root, monday, 0)
			if err == nil {
				accepted, err = in.Accept(m)
			}
			if err != nil {
				return err
			}
			return in.Flush()
		})
		if err != nil {
			t.Fatal(err)
		}
		return accepted
	}
	if !accept(other) || accept(other) || accept(m) {
		t.Error("one content is accepted once, and not when it was counted")
	}
	if got := stored.decide(monday.Add(day), other, m); !slices.Equal(got,
		[]inbox.Verdict{inbox.Refuse, inbox.Refuse}) {
		t.Errorf("read again: %v", got)
	}
}

// Two types alternate in a lineage, and one of them is passed over.
func TestInbox_TypesPassedOverLeaveFewIntervals(t *testing.T) {
	stored := newBox(t)
	const slots = 20_000
	err := stored.update(func(root *bbolt.Bucket) error {
		in, err := inbox.Open(root, monday, 0)
		for slot := uint64(1); slot <= slots && err == nil; slot++ {
			m := published("L", slot-1, slot)
			m.Written = monday
			if slot%2 == 0 {
				err = in.Cover("L", slot, slot)
			} else {
				_, err = in.Decide(m)
			}
		}
		if err != nil {
			return err
		}
		return in.Flush()
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := stored.count("slots", "L"); n != 1 {
		t.Errorf("%d intervals are left, want 1", n)
	}
}

// Each lineage counts once.
func TestInbox_CountsLineages(t *testing.T) {
	stored := newBox(t)
	stored.decide(monday, published("L", 0, 1), published("M", 0, 1), published("L", 1, 2))
	stored.decide(monday, published("M", 1, 2), published("N", 0, 1))
	err := stored.update(func(root *bbolt.Bucket) error {
		if n, err := inbox.Lineages(root); err != nil || n != 3 {
			t.Errorf("%d lineages, %v", n, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// The clocks of two machines differ. So a day more than was forgotten counts as old.
func TestInbox_OldIsADayMoreThanWasForgotten(t *testing.T) {
	stored := newBox(t)
	for i := range 16 { // the first day is dropped
		stored.batch(monday.Add(time.Duration(i)*day), inbox.Message{ID: fmt.Sprint("other", i)})
	}
	now := monday.Add(15 * day)
	for days, want := range []inbox.Verdict{inbox.Late, inbox.Late, inbox.Do} {
		m := inbox.Message{ID: fmt.Sprint("foreign", days), Written: monday.Add(time.Duration(days) * day)}
		if got := stored.decide(now, m); got[0] != want {
			t.Errorf("written %d days after the one that was dropped: %d, want %d", days, got[0], want)
		}
	}
}

// A message in a ledger may be read again, because its partition was truncated or the service began anew. An operator
// can still accept it.
func TestInbox_AcceptsALateMessageThatWasReadAgain(t *testing.T) {
	stored := newBox(t)
	first := published("L", 0, 1)
	first.Written = monday
	stored.decide(monday, first)
	now := monday
	for i := range uint64(19) { // until the day of the first is dropped
		now = now.AddDate(0, 0, 1)
		other := published("M", i, i+1)
		other.Written = now
		stored.decide(now, other)
	}
	late := published("L", 0, 1)
	late.ID, late.Written = "another", monday
	if verdicts := stored.decide(now, late); verdicts[0] != inbox.Late {
		t.Fatalf("got %v, want late", verdicts)
	}
	late.ReadBefore = true
	if verdicts := stored.decide(now, late); verdicts[0] != inbox.Refuse {
		t.Fatalf("read again: got %v, want refused", verdicts)
	}
	for i, want := range []bool{true, false} {
		var accepted bool
		err := stored.update(func(root *bbolt.Bucket) error {
			in, err := inbox.Open(root, now, 0)
			if err != nil {
				return err
			}
			if accepted, err = in.Accept(late); err != nil {
				return err
			}
			return in.Flush()
		})
		if err != nil || accepted != want {
			t.Errorf("accepted the %d. time: %v, %v, want %v", i+1, accepted, err, want)
		}
	}
}

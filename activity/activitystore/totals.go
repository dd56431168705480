package activitystore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"ordertally/activity"
	"ordertally/activity/measure"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/event/setdigest"
)

// totalsVersion begins a bin, after a zero.
const totalsVersion = 4

// encodeTotals returns the sealed record of a bin. In order: a zero, the version, the count, first and last as times,
// the digest, when it changed in the same form and the offset after the last message, the figures, the tables, and 1
// and the minutes or 0. Numbers are uvarints, texts and lists have their length in front.
func encodeTotals(key []byte, partition int32, t *activity.Totals) ([]byte, error) {
	w := writer{b: make([]byte, codec.SealSize, codec.SealSize+512), figures: t.Figures}
	w.b = append(w.b, 0, totalsVersion)
	w.int(t.Count)
	w.time(t.First)
	w.time(t.Last)
	digest := t.Digest.Bytes()
	w.b = append(w.b, digest[:]...)
	w.time(t.Changed.At)
	w.int(t.Changed.Next[partition])
	w.int(int64(len(t.Figures)))
	for i := range t.Figures {
		w.figure(&t.Figures[i])
	}
	w.int(int64(len(t.Tables)))
	for i := range t.Tables {
		w.table(&t.Tables[i])
	}
	w.bool(t.Minutes != nil)
	if t.Minutes != nil {
		for i := range t.Minutes {
			w.tally(&t.Minutes[i])
		}
	}
	codec.SealInPlace(key, w.b)
	return w.b, w.err
}

// writer appends values to a record.
type writer struct {
	b       []byte
	figures []measure.Figure // a tally names its measures by their index here
	err     error
}

func (w *writer) int(n int64) { w.b = binary.AppendUvarint(w.b, uint64(n)) } //nolint:gosec // not negative

func (w *writer) bool(b bool) {
	if b {
		w.b = append(w.b, 1)
	} else {
		w.b = append(w.b, 0)
	}
}

// time writes a time of 1970 or later as one more than its seconds, and its nanoseconds. The zero time is a zero.
func (w *writer) time(t time.Time) {
	if t.IsZero() {
		w.int(0)
		return
	}
	w.int(t.Unix() + 1)
	w.int(int64(t.Nanosecond()))
}

func (w *writer) text(s string) {
	w.int(int64(len(s)))
	w.b = append(w.b, s...)
}

func (w *writer) sum(s measure.Sum) {
	w.b = binary.AppendUvarint(binary.AppendUvarint(w.b, s.Hi), s.Lo)
}

func (w *writer) figure(f *measure.Figure) {
	w.text(f.Name)
	w.b = append(w.b, byte(f.Kind))
	if f.Kind == measure.Distinct {
		w.b = f.Sketch.AppendTo(w.b)
		return
	}
	w.int(int64(len(f.Groups)))
	for i := range f.Groups {
		g := &f.Groups[i]
		w.text(g.Name)
		w.int(g.Count)
		w.sum(g.Sum)
		w.int(g.Min)
		w.int(g.Max)
	}
}

func (w *writer) table(t *measure.Table) {
	w.text(t.Name)
	w.int(int64(len(t.Rows)))
	for i := range t.Rows {
		w.text(t.Rows[i].Value)
		w.tally(&t.Rows[i].Tally)
	}
	w.tally(&t.Rest)
}

func (w *writer) tally(t *measure.Tally) {
	w.int(t.Count)
	if t.Count == 0 {
		return
	}
	w.int(int64(len(t.Sums)))
	for i := range t.Sums {
		s := &t.Sums[i]
		at := slices.IndexFunc(w.figures, func(f measure.Figure) bool { return f.Name == s.Measure })
		if at < 0 {
			w.err = errors.Join(w.err, fmt.Errorf("measure %s has a sum and no figure", s.Measure))
		}
		w.int(int64(at))
		w.text(s.Group)
		w.sum(s.Sum)
	}
}

// decodeTotals reads what encodeTotals wrote. The result shares no memory with the record.
func decodeTotals(key []byte, partition int32, sealed []byte) (activity.Totals, error) {
	record, err := codec.Unseal(key, sealed)
	if err != nil {
		return activity.Totals{}, fmt.Errorf("read statistics: %w", err)
	}
	r := reader{rest: record}
	head := r.take(2)
	if len(head) == 2 && head[0] == 0 && head[1] != totalsVersion {
		return activity.Totals{}, fmt.Errorf(
			"read statistics: record %x has version %d: use the program that wrote it",
			key,
			head[1],
		)
	}
	r.bad = r.bad || head[0] != 0
	t := r.totals(partition)
	if r.bad || len(r.rest) > 0 {
		return activity.Totals{}, fmt.Errorf("read statistics: %w: record %x has not the form of totals",
			boltdb.ErrCorrupt, key)
	}
	return t, nil
}

// reader takes values from the front of a record. After one that is not there it is bad and yields zeros.
type reader struct {
	rest    []byte
	bad     bool
	figures []measure.Figure
}

func (r *reader) totals(partition int32) activity.Totals {
	t := activity.Totals{Count: r.int(), First: r.time(), Last: r.time()}
	if digest := r.take(setdigest.Size); len(digest) == setdigest.Size {
		t.Digest = setdigest.FromBytes([setdigest.Size]byte(digest))
	}
	t.Changed = activity.Changed{At: r.time(), Next: map[int32]int64{partition: r.int()}}
	for n := r.length(); n > 0 && !r.bad; n-- {
		t.Figures = append(t.Figures, r.figure())
	}
	r.figures = t.Figures
	for n := r.length(); n > 0 && !r.bad; n-- {
		t.Tables = append(t.Tables, r.table())
	}
	if r.bool() {
		t.Minutes = new(activity.Minutes)
		for i := range t.Minutes {
			t.Minutes[i] = r.tally()
		}
	}
	return t
}

func (r *reader) uvarint() uint64 {
	value, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return value
}

func (r *reader) int() int64 { return int64(r.uvarint()) } //nolint:gosec // as written

// length reads that of a list, whose elements have a byte each at least.
func (r *reader) length() int {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return 0
	}
	return int(n) //nolint:gosec // no more than there are bytes
}

func (r *reader) bool() bool {
	b := r.take(1)
	return len(b) == 1 && b[0] == 1
}

func (r *reader) time() time.Time {
	seconds := r.int()
	if seconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds-1, r.int()).UTC()
}

func (r *reader) text() string { return string(r.take(r.uvarint())) }

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) sum() measure.Sum { return measure.Sum{Hi: r.uvarint(), Lo: r.uvarint()} }

func (r *reader) figure() measure.Figure {
	f := measure.Figure{Name: r.text()}
	if kind := r.take(1); len(kind) == 1 {
		f.Kind = measure.Kind(kind[0])
	}
	if f.Kind == measure.Distinct {
		var err error
		if f.Sketch, r.rest, err = measure.ReadSketch(r.rest); err != nil {
			r.bad, r.rest = true, nil
		}
		return f
	}
	for n := r.length(); n > 0 && !r.bad; n-- {
		f.Groups = append(f.Groups, measure.Group{Name: r.text(), Count: r.int(), Sum: r.sum(), Min: r.int(),
			Max: r.int()})
	}
	return f
}

func (r *reader) table() measure.Table {
	t := measure.Table{Name: r.text()}
	for n := r.length(); n > 0 && !r.bad; n-- {
		t.Rows = append(t.Rows, measure.Row{Value: r.text(), Tally: r.tally()})
	}
	t.Rest = r.tally()
	return t
}

func (r *reader) tally() measure.Tally {
	t := measure.Tally{Count: r.int()}
	if t.Count == 0 {
		return t
	}
	for n := r.length(); n > 0 && !r.bad; n-- {
		at := r.uvarint()
		if at >= uint64(len(r.figures)) {
			r.bad, r.rest = true, nil
			return t
		}
		t.Sums = append(t.Sums, measure.NamedSum{Measure: r.figures[at].Name, Group: r.text(), Sum: r.sum()})
	}
	return t
}

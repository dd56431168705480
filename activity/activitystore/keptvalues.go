package activitystore

import (
	"encoding/binary"
	"time"
)

// writer appends values to the record of a message that was kept.
type writer struct{ b []byte }

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

// reader takes values from the front of a record. After one that is not there it is bad and yields zeros.
type reader struct {
	rest []byte
	bad  bool
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

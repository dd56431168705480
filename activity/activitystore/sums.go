package activitystore

import (
	"slices"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"ordertally/activity"
)

// maxSumBytes bounds the sums in memory, about.
const maxSumBytes = 8 << 20

// sums are totals of neighbouring spans in memory: of the days of a month but the one that changes, of the hours of
// that day but the one that changes, and of its quarter hours. A question then reads only what changed. It is safe for
// concurrent use.
type sums struct {
	mu    sync.Mutex
	kept  *simplelru.LRU[sumAt, *sum]
	bytes int
}

// sumAt is where the sum of spans is kept. There is one for all spans between the same ends: the last that was made.
type sumAt struct {
	activity.Span
	tables bool
}

// sum is the totals of all spans but one.
type sum struct {
	spans   []activity.Span
	without int
	changed int              // the transaction in which one of them changed last
	totals  *activity.Totals // nobody changes them any more
	bytes   int
}

func newSums() *sums {
	s := new(sums)
	// The only possible error is a size below 1.
	s.kept, _ = simplelru.NewLRU(maxSumBytes, func(_ sumAt, gone *sum) { s.bytes -= gone.bytes })
	return s
}

// find returns the totals of all spans but one as they were after a transaction, or nil.
func (s *sums) find(at sumAt, spans []activity.Span, without, changed int) *activity.Totals {
	s.mu.Lock()
	known, found := s.kept.Get(at)
	s.mu.Unlock()
	if !found || known.without != without || known.changed != changed || !slices.Equal(known.spans, spans) {
		return nil
	}
	return known.totals
}

func (s *sums) keep(at sumAt, made *sum) {
	const figure, row = 4 << 10, 256 // about
	made.bytes = 512 + 16*len(made.spans) + figure*len(made.totals.Figures)
	for i := range made.totals.Tables {
		made.bytes += row * len(made.totals.Tables[i].Rows)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept.Remove(at)
	if made.bytes > maxSumBytes/4 {
		return
	}
	s.kept.Add(at, made)
	for s.bytes += made.bytes; s.bytes > maxSumBytes; {
		s.kept.RemoveOldest()
	}
}

package outbox

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
)

// Ack says what Await found out about a message.
type Ack string

// What Await finds out. After any but Committed, only the file is known to have the message.
const (
	Committed Ack = "committed" // the publisher has it, and the watermark that covers it is known to be committed
	Away      Ack = "away"      // nothing goes out: an outage, no relay, or a fence
	Skipped   Ack = "skipped"   // its slot was skipped: it waits, is parked or discarded
	Late      Ack = "late"      // ctx ended first, or the file could not be read
	Crowded   Ack = "crowded"   // MaxAwaited calls wait already
)

// MaxAwaited is how many calls of Await wait at once.
const MaxAwaited = 32_768

// awaited are the slots that calls of Await wait for.
type awaited struct {
	mu sync.Mutex
	// committed is the slot up to which each is skipped or known to be published. The position may be ahead of it: what
	// the log lost is behind the position, and not published again yet.
	committed uint64
	away      bool
	list      []*waiter // by slot
	left      int       // how many in list have left
}

// waiter is one call of Await.
type waiter struct {
	slot uint64
	ack  chan Ack // with room for the one answer
	left bool
}

// enter returns a waiter for slot, or else the answer. It returns neither if the position has passed the slot and
// nobody looked whether it was skipped.
func (a *awaited) enter(slot uint64, position *atomic.Uint64, looked bool) (*waiter, Ack) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case !looked && slot <= position.Load(): // read under the lock: it moves before commit and pass are called
		return nil, ""
	case slot <= a.committed:
		return nil, Committed
	case a.away:
		return nil, Away
	case len(a.list)-a.left == MaxAwaited:
		return nil, Crowded
	}
	w := &waiter{slot: slot, ack: make(chan Ack, 1)}
	at := len(a.list)
	if at > 0 && a.list[at-1].slot > slot { // slots come nearly in order
		at = a.after(slot)
	}
	a.list = slices.Insert(a.list, at, w)
	return w, ""
}

// after returns the index of the first waiter after slot.
func (a *awaited) after(slot uint64) int {
	at, _ := slices.BinarySearchFunc(a.list, slot+1,
		func(w *waiter, slot uint64) int { return cmp.Compare(w.slot, slot) })
	return at
}

// leave gives up waiting. An answer that came just before counts.
func (a *awaited) leave(w *waiter) Ack {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case ack := <-w.ack:
		return ack
	default:
	}
	w.left = true
	if a.left++; a.left > len(a.list)/2 { // so leaving costs little, however many wait
		a.list = slices.DeleteFunc(a.list, func(w *waiter) bool { return w.left })
		a.left = 0
	}
	return Late
}

// commit answers the waiters up to slot: they are published. Those of skipped slots must have been answered before.
func (a *awaited) commit(slot uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.committed = max(a.committed, slot)
	a.answer(0, a.after(slot), Committed)
}

// pass answers the waiters of the skipped slots that the position passes. A new lineage may take the position back, and
// with it what is committed.
func (a *awaited) pass(position uint64, skipped []uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.committed = min(a.committed, position)
	for _, slot := range skipped {
		a.answer(a.after(slot-1), a.after(slot), Skipped)
	}
}

// skip answers the waiters of a slot that was skipped.
func (a *awaited) skip(slot uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer(a.after(slot-1), a.after(slot), Skipped)
}

// leaves notes whether nothing goes out. Then nobody waits.
func (a *awaited) leaves(away bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.away = away; away {
		a.answer(0, len(a.list), Away)
	}
}

// answer answers the waiters from index i up to j, and forgets them. The caller holds a.mu.
func (a *awaited) answer(i, j int, ack Ack) {
	for _, w := range a.list[i:j] {
		if w.left {
			a.left--
			continue
		}
		w.ack <- ack
	}
	a.list = slices.Delete(a.list, i, j)
}

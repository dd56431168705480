package admission

import "sync/atomic"

// arriving counts the placements whose bodies are being read. A placement counts for two windows at most, so a slow
// client cannot lock others out.
type arriving struct {
	window atomic.Int64 // counted from 1
	counts [3]atomic.Int64
}

func (a *arriving) of(window int64) *atomic.Int64 { return &a.counts[window%int64(len(a.counts))] }

// next begins a new window.
func (a *arriving) next() {
	window := a.window.Load() + 1
	a.of(window).Store(0)
	a.window.Store(window)
}

// add counts a placement and returns its window. The caller passes that window to remove.
func (a *arriving) add() (window int64) {
	window = a.window.Load()
	a.of(window).Add(1)
	return window
}

// remove takes a placement out of its window. Nothing happens if the window has expired. Window 0 means none.
func (a *arriving) remove(window int64) {
	if window > 0 && window >= a.window.Load()-1 {
		a.of(window).Add(-1)
	}
}

// recent returns the number of placements in this window and the previous one.
func (a *arriving) recent() int64 {
	window := a.window.Load()
	return max(a.of(window).Load(), 0) + max(a.of(window-1).Load(), 0)
}

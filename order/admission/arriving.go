package admission

import "sync/atomic"

// arriving counts the placements whose bodies are being read. It forgets a placement after two windows, so a client
// that sends slowly keeps nobody out.
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

// add counts a placement and returns its window, for remove.
func (a *arriving) add() (window int64) {
	window = a.window.Load()
	a.of(window).Add(1)
	return window
}

// remove takes a placement out of its window, unless the window is forgotten already. Window 0 is none.
func (a *arriving) remove(window int64) {
	if window > 0 && window >= a.window.Load()-1 {
		a.of(window).Add(-1)
	}
}

// recent returns how many are in this window and the one before.
func (a *arriving) recent() int64 {
	window := a.window.Load()
	return max(a.of(window).Load(), 0) + max(a.of(window-1).Load(), 0)
}

package admission

import "sync/atomic"

// arriving counts the placements whose bodies are being read. It forgets those that arrived before the last window
// began: a client that sends slowly keeps nobody out.
type arriving struct {
	window atomic.Int64 // counted from 1
	counts [3]atomic.Int64
}

func (a *arriving) of(window int64) *atomic.Int64 { return &a.counts[window%int64(len(a.counts))] }

// next begins a window.
func (a *arriving) next() {
	window := a.window.Load() + 1
	a.of(window).Store(0)
	a.window.Store(window)
}

// add counts one and returns the window that it is in.
func (a *arriving) add() (window int64) {
	window = a.window.Load()
	a.of(window).Add(1)
	return window
}

// remove takes one out of its window, if that is not forgotten. Window 0 is none.
func (a *arriving) remove(window int64) {
	if window > 0 && window >= a.window.Load()-1 {
		a.of(window).Add(-1)
	}
}

// recent is how many are in this window and the last.
func (a *arriving) recent() int64 {
	window := a.window.Load()
	return max(a.of(window).Load(), 0) + max(a.of(window-1).Load(), 0)
}

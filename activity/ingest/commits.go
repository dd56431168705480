package ingest

import "sync"

// commits tells those who wait that a commit happened. The zero value is ready for use. A commit that nobody waits for
// costs a lock.
type commits struct {
	mu      sync.Mutex
	waiting chan struct{} // nil while nobody waits
}

func (c *commits) next() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting == nil {
		c.waiting = make(chan struct{})
	}
	return c.waiting
}

func (c *commits) happened() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waiting != nil {
		close(c.waiting)
		c.waiting = nil
	}
}

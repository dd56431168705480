// Package fairshare divides a limited resource of a service among its clients. A client that takes much, and keeps it,
// runs out of its own share first.
package fairshare

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// Room is an amount of something, of which one client may hold a share at most. It is safe for concurrent use.
type Room struct {
	size, share int64
	all         *semaphore.Weighted

	mu  sync.Mutex
	has map[string]*client // the clients that hold some or wait
}

type client struct {
	share *semaphore.Weighted
	users int // of this map entry
}

// New returns a Room of that size. One client may hold a share of it at most.
func New(size, share int64) *Room {
	return &Room{size: size, share: min(share, size), all: semaphore.NewWeighted(size), has: make(map[string]*client)}
}

// Acquire takes n for a client and waits for it until ctx ends, whose error it then returns. An n above the share or
// the size counts as that. The client "" stands for many clients and may hold everything. A client that waits for its
// own share does not delay others. Release must be called with the same client and n.
func (r *Room) Acquire(ctx context.Context, name string, n int64) error {
	n = r.bounded(name, n)
	if name == "" {
		return r.all.Acquire(ctx, n)
	}
	c := r.enter(name)
	if err := c.share.Acquire(ctx, n); err != nil {
		r.leave(name, c)
		return err
	}
	if err := r.all.Acquire(ctx, n); err != nil {
		c.share.Release(n)
		r.leave(name, c)
		return err
	}
	return nil
}

// TryAcquire takes n as Acquire does, but only if it is free at once.
func (r *Room) TryAcquire(name string, n int64) bool {
	n = r.bounded(name, n)
	if name == "" {
		return r.all.TryAcquire(n)
	}
	c := r.enter(name)
	if !c.share.TryAcquire(n) {
		r.leave(name, c)
		return false
	}
	if !r.all.TryAcquire(n) {
		c.share.Release(n)
		r.leave(name, c)
		return false
	}
	return true
}

// Release returns what was acquired.
func (r *Room) Release(name string, n int64) {
	n = r.bounded(name, n)
	r.all.Release(n)
	if name == "" {
		return
	}
	r.mu.Lock()
	c := r.has[name]
	r.mu.Unlock()
	c.share.Release(n)
	r.leave(name, c)
}

func (r *Room) bounded(name string, n int64) int64 {
	if name == "" {
		return min(n, r.size)
	}
	return min(n, r.share)
}

func (r *Room) enter(name string) *client {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.has[name]
	if c == nil {
		c = &client{share: semaphore.NewWeighted(r.share)}
		r.has[name] = c
	}
	c.users++
	return c
}

func (r *Room) leave(name string, c *client) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c.users--; c.users == 0 {
		delete(r.has, name)
	}
}

// Package fairshare divides what a service has room for among its clients: whoever takes much, and keeps it, takes it
// from himself first.
package fairshare

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"
)

// Room is an amount of something, of which one client may have a share at a time. It is safe for concurrent use.
type Room struct {
	size, share int64
	all         *semaphore.Weighted

	mu  sync.Mutex
	has map[string]*client // those that have something or wait for it
}

type client struct {
	share *semaphore.Weighted
	users int // of this entry
}

// New returns a Room of that size, of which one client may have so much.
func New(size, share int64) *Room {
	return &Room{size: size, share: min(share, size), all: semaphore.NewWeighted(size), has: make(map[string]*client)}
}

// Acquire takes n for that client, and waits for it until ctx ends; then the error is that of ctx. More than a share,
// or than there is, is taken for all of it. The client "" stands for many and may have all. What waits for its own
// share is not before others in the queue. Release must be called with the same client and n.
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

// TryAcquire takes n as Acquire does, if it can be had at once.
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

// Release gives back what was acquired.
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

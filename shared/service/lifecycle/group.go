package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Group runs background parts and watches them. Its methods are safe for concurrent use.
//
// Parts run until their context ends. A part that returns nil earlier is done, not failed. A part that fails leaves the
// others running. Whoever watches Failed decides what to do, and usually stops the service.
type Group struct {
	ctx    context.Context // parent of every part's context; cancel begins the stop
	cancel context.CancelFunc
	failed chan struct{} // closed when first is set

	mu      sync.Mutex
	stopped bool // set before cancel; no goroutine starts after it
	first   error
	parts   []*part // in the order of the calls of Go
}

type part struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{} // closed after err is set
	err    error
}

// NewGroup returns an empty group.
func NewGroup() *Group {
	ctx, cancel := context.WithCancel(context.Background())
	return &Group{ctx: ctx, cancel: cancel, failed: make(chan struct{})}
}

// Go runs a part on its own goroutine. The part must return soon after its context ends. An error that is only the
// cancellation of that context then counts as a clean end. A panic in the part becomes its error, a *PanicError.
//
// The returned function stops only this part, waits for it, and returns its error on every call. Once Stop has begun,
// Go starts nothing, and the function it returns does nothing.
func (g *Group) Go(name string, run func(ctx context.Context) error) StopFunc {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return func(context.Context) error { return nil }
	}
	ctx, cancel := context.WithCancel(g.ctx)
	p := &part{name: name, cancel: cancel, done: make(chan struct{}), err: errGoexit}
	g.parts = append(g.parts, p)
	go func() {
		defer g.ended(p)
		err := Guard(ctx, run)
		if Cancelled(ctx, err) {
			err = nil
		}
		p.err = err
	}()
	return p.stop
}

// Failed is closed when the first part ended with an error.
func (g *Group) Failed() <-chan struct{} { return g.failed }

// Err returns the error of the part that failed first, with its name, or nil.
func (g *Group) Err() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.first
}

// Stop ends the context of every part and waits for all of them. It returns the errors of all parts, including early
// failures, joined in the order of Go, each with the part's name. If ctx ends first, the error also names the parts
// that still run. Stop may be called before Go, repeatedly and concurrently. Later calls wait and return the same.
func (g *Group) Stop(ctx context.Context) error {
	g.mu.Lock()
	g.stopped = true
	parts := g.parts // only read from here on, because Go appends no more
	g.mu.Unlock()
	g.cancel()
	var errs []error
	var running []string
	for _, p := range parts {
		if !p.wait(ctx) {
			running = append(running, p.name)
		} else if p.err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", p.name, p.err))
		}
	}
	if len(running) > 0 {
		errs = append(errs, fmt.Errorf("still running: %s: %w", strings.Join(running, ", "), ctx.Err()))
	}
	return errors.Join(errs...)
}

// ended runs on the part's goroutine, as its last act.
func (g *Group) ended(p *part) {
	p.cancel()
	if p.err != nil {
		g.mu.Lock()
		if g.first == nil {
			g.first = fmt.Errorf("%s: %w", p.name, p.err)
			close(g.failed)
		}
		g.mu.Unlock()
	}
	close(p.done)
}

func (p *part) stop(ctx context.Context) error {
	p.cancel()
	if !p.wait(ctx) {
		return fmt.Errorf("still running: %w", ctx.Err())
	}
	return p.err
}

// wait reports whether the part ended before ctx did. If both have ended, the part counts.
func (p *part) wait(ctx context.Context) bool {
	select {
	case <-p.done:
		return true
	default:
	}
	select {
	case <-p.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// Cancelled reports whether err says only that ctx was cancelled, bare or wrapped. It does not look into joined errors.
// An error joined to a cancellation is a failure of its own and must be seen.
func Cancelled(ctx context.Context, err error) bool {
	if ctx.Err() == nil {
		return false
	}
	for ; err != nil; err = errors.Unwrap(err) {
		if err == context.Canceled { //nolint:errorlint // errors.Is would also find it in a joined error
			return true
		}
		// Such as the cause that a signal gives a context, and what package net makes of a cancellation.
		if of, ok := err.(interface{ Is(target error) bool }); ok && of.Is(context.Canceled) {
			return true
		}
	}
	return false
}

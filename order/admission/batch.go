package admission

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// batchShare is the part of the limit that the lines of all batches may use together: one half. The other half is
	// left to single placements, however many lines wait.
	batchShare = 2
	// linePatience is how long a line waits for room before it is refused.
	linePatience = 5 * time.Second
)

// Batch is one request that places many orders. Its methods are for one goroutine.
type Batch struct {
	gate   *Gate
	client string
	room   int64
	late   bool // the last line that waited was refused
}

// Batch admits a request that places many orders, and keeps at most window bytes of them in memory. Their room is that
// of large bodies. The error is a *Refusal. The caller must call Leave if there is none.
func (g *Gate) Batch(client string, window int64) (*Batch, error) {
	if r := g.closed(); r != nil {
		return nil, g.refuse(r)
	}
	if !g.bodies.TryAcquire(client, window) {
		return nil, g.refuse(bodiesAreIn)
	}
	return &Batch{gate: g, client: client, room: window}, nil
}

// Leave gives back the room. The batch's lines must have left.
func (b *Batch) Leave() { b.gate.bodies.Release(b.client, b.room) }

// Enter begins the placement of one line. It waits for its turn, 5 s at most. If that was not enough, the lines behind
// wait no more until one gets in. The error is a *Refusal, or that of ctx. The caller must call Placed of the
// pass.
func (b *Batch) Enter(ctx context.Context, length int) (Pass, error) {
	g := b.gate
	pass := Pass{gate: g, weight: weight(int64(length)), line: true}
	if r := g.closed(); r != nil {
		return Pass{}, g.refuse(r)
	}
	patience := linePatience
	if b.late {
		patience = 0
	}
	entered, err := g.lines.enter(ctx, g, pass.weight, patience)
	if err != nil {
		return Pass{}, err
	}
	if b.late = !entered; b.late {
		return Pass{}, g.refuse(overload)
	}
	pass.entered = time.Now()
	return pass, nil
}

// lines are the lines of all batches. They take turns: a batch waits with one line at a time.
type lines struct {
	mu      sync.Mutex
	inside  int64   // their weight
	queue   []*turn // in the order in which they came
	waiting atomic.Int64
}

// turn is a line that waits.
type turn struct {
	weight  int64
	entered chan struct{} // closed when it is its turn
}

// enter takes a line in as soon as there is room. It reports false if there is none in time.
func (l *lines) enter(ctx context.Context, g *Gate, weight int64, patience time.Duration) (bool, error) {
	l.mu.Lock()
	if len(l.queue) == 0 && l.fits(g, weight) {
		l.take(g, weight)
		l.mu.Unlock()
		return true, nil
	}
	if patience == 0 {
		l.mu.Unlock()
		return false, ctx.Err()
	}
	t := &turn{weight: weight, entered: make(chan struct{})}
	l.queue = append(l.queue, t)
	l.waiting.Add(1)
	l.mu.Unlock()
	l.admit(g) // a placement may have left before this one was seen to wait
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-t.entered:
		return true, nil
	case <-timer.C:
	case <-ctx.Done():
	}
	return l.giveUp(t), ctx.Err()
}

// giveUp takes a line out of the queue. It reports whether its turn came just before.
func (l *lines) giveUp(t *turn) (entered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.queue {
		if l.queue[i] == t {
			l.queue = append(l.queue[:i], l.queue[i+1:]...)
			l.waiting.Add(-1)
			return false
		}
	}
	return true
}

// fits reports whether a line may enter now. One may always be inside. The caller holds l.mu.
func (l *lines) fits(g *Gate, weight int64) bool {
	limit := g.limit.Load()
	if l.inside > 0 && l.inside+weight > limit/batchShare {
		return false
	}
	return g.inside.Load() < limit || g.orders.Load() < minPlacements
}

// take takes a line in. The caller holds l.mu.
func (l *lines) take(g *Gate, weight int64) {
	l.inside += weight
	g.orders.Add(1)
	reached(&g.peak, g.inside.Add(weight))
}

// leave takes a line out.
func (l *lines) leave(weight int64) {
	l.mu.Lock()
	l.inside -= weight
	l.mu.Unlock()
}

// admit takes in the lines that have room now. It is called whenever something left.
func (l *lines) admit(g *Gate) {
	if l.waiting.Load() == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.queue) > 0 && l.fits(g, l.queue[0].weight) {
		t := l.queue[0]
		l.queue = l.queue[1:]
		l.waiting.Add(-1)
		l.take(g, t.weight)
		close(t.entered)
	}
}

package admission

import (
	"context"
	"math/rand/v2"
	"time"
)

// Reason is why a placement is refused.
type Reason string

// The reasons.
const (
	Overload Reason = "overload"     // more at once than can be stored in time
	Stalled  Reason = "stalled"      // a commit hangs
	Bodies   Reason = "large_bodies" // too many bytes of large bodies at once
	Disk     Reason = "disk"         // too little space
	Backlog  Reason = "backlog"      // unpublished for too long
)

// Reasons lists them.
func Reasons() []Reason { return []Reason{Overload, Stalled, Bodies, Disk, Backlog} }

// Refusal is the error of a placement that may not begin. Nothing was written.
type Refusal struct {
	Reason     Reason
	RetryAfter time.Duration
	detail     string
}

// Error says, to the client, why, and what to do.
func (r *Refusal) Error() string {
	return r.detail + " Nothing was stored: repeat the request later, with the same Idempotency-Key."
}

const (
	retrySoon = time.Second
	retryLate = 30 * time.Second
)

var (
	overload    = &Refusal{Reason: Overload, RetryAfter: retrySoon, detail: "The service has more orders to store than it can in time."}
	stalled     = &Refusal{Reason: Stalled, RetryAfter: retrySoon, detail: "The service's disk does not answer in time."}
	bodiesAreIn = &Refusal{Reason: Bodies, RetryAfter: retrySoon, detail: "The service is reading too many large orders at once."}
)

// Pass is one placement's. It belongs to one goroutine.
type Pass struct {
	gate    *Gate
	body    int64     // bytes of a large one
	entered time.Time // zero before Enter
}

// A refusal for overload is held back for a random time from pause to three times that. Refusing costs half of what storing does: clients that
// ask again at once would leave no time for those that were admitted. So each asks twice a second, and not all at the same moment.
const pause = 250 * time.Millisecond

// Arrive is asked before a body of that length, -1 when it is not known, is read; longest is what it may have at most. The error is a
// *Refusal, which for overload comes after a pause, or when ctx ends. Leave must be called after it, however it ended.
func (g *Gate) Arrive(ctx context.Context, length, longest int64) (Pass, error) {
	pass := Pass{gate: g}
	if r := g.refusal(); r != nil {
		if r == overload {
			hold(ctx)
		}
		return pass, g.refuse(r)
	}
	if length < 0 || length > longest {
		length = longest
	}
	if length <= largeBody {
		return pass, nil
	}
	if g.bodies.Add(length) > largeBodies {
		g.bodies.Add(-length)
		return pass, g.refuse(bodiesAreIn)
	}
	pass.body = length
	return pass, nil
}

func hold(ctx context.Context) {
	timer := time.NewTimer(pause + rand.N(2*pause)) //nolint:gosec // G404: spreads requests, guards nothing
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// refusal is why nobody may enter now, nil for no reason.
func (g *Gate) refusal() *Refusal {
	if r := g.standing.Load(); r != nil {
		return r
	}
	if g.inside.Load() >= g.limit.Load() {
		return overload
	}
	if g.sources.Committing() > stalls*g.config.Latency {
		return stalled
	}
	return nil
}

func (g *Gate) refuse(r *Refusal) error {
	g.refused.WithLabelValues(string(r.Reason)).Inc()
	return r
}

// Enter begins the placement. The error is a *Refusal, after the same pause as that of Arrive.
func (p *Pass) Enter(ctx context.Context) error {
	inside := p.gate.inside.Add(1)
	if inside > p.gate.peak.Load() {
		p.gate.peak.Store(inside)
	}
	if inside > p.gate.limit.Load() {
		p.gate.inside.Add(-1)
		hold(ctx)
		return p.gate.refuse(overload)
	}
	p.entered = time.Now()
	return nil
}

// Placed ends the placement, if it began and has not ended: a client that does not read its answer holds no place.
func (p *Pass) Placed() {
	if p.entered.IsZero() {
		return
	}
	p.gate.inside.Add(-1)
	p.gate.done.Add(1)
	p.gate.spent.Add(int64(time.Since(p.entered)))
	p.entered = time.Time{}
}

// Leave ends all that the request has of the gate. A large body counts until then: its answer is as large.
func (p *Pass) Leave() {
	p.Placed()
	if p.body > 0 {
		p.gate.bodies.Add(-p.body)
		p.body = 0
	}
}

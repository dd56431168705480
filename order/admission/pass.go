package admission

import (
	"sync/atomic"
	"time"
)

// unit is how many bytes of a body, each time they are full, make a placement count once more: what decoding, storing
// and answering it take grows with them.
const unit = 8 << 10

func weight(length int64) int64 { return 1 + max(length, 0)/unit }

// Pass is one placement's. It belongs to one goroutine.
type Pass struct {
	gate    *Gate
	client  string
	window  int64     // in which it arrived, 0 when it does not count as arriving
	unsized int64     // what a body whose length is not known may have at most, 0 for others
	body    int64     // bytes of a large one
	weight  int64     // by the length that it claims, until it enters
	entered time.Time // zero unless it is inside
}

// Arrive is asked before a body of that length, -1 when it is not known, is read; longest is what it may have at most.
// The client, "" for one that stands for many, has a share of the room for large bodies. The error is a *Refusal. Leave
// must be called after it, however it ended.
func (g *Gate) Arrive(client string, length, longest int64) (*Pass, error) {
	pass := &Pass{gate: g, client: client, weight: weight(min(length, longest))}
	if r := g.refusal(); r != nil {
		return pass, g.refuse(r)
	}
	if length < 0 {
		pass.unsized = longest
	} else if r := pass.takeBody(min(length, longest)); r != nil {
		return pass, g.refuse(r)
	}
	pass.window = g.arriving.add()
	return pass, nil
}

// Enter begins the placement, whose body has that length. The error is a *Refusal.
func (p *Pass) Enter(length int) error {
	g := p.gate
	g.arriving.remove(p.window)
	p.window, p.weight = 0, weight(int64(length))
	orders, inside := g.orders.Add(1), g.inside.Add(p.weight)
	reached(&g.peak, inside)
	if inside-p.weight >= g.limit.Load() && orders > minPlacements {
		g.leave(p.weight)
		p.giveBack() // the body is not kept while the refusal is held
		return g.refuse(overload)
	}
	p.entered = time.Now()
	return nil
}

func (g *Gate) leave(weight int64) {
	g.orders.Add(-1)
	g.inside.Add(-weight)
}

// Placed ends the placement, if it began and has not ended: a client that does not read its answer holds no place.
func (p *Pass) Placed() {
	if p.entered.IsZero() {
		return
	}
	p.gate.leave(p.weight)
	p.gate.done.Add(p.weight)
	p.gate.spent.Add(p.weight * int64(time.Since(p.entered)))
	p.entered = time.Time{}
}

// Leave ends all that the request has of the gate. A large body counts until then: its answer is as large.
func (p *Pass) Leave() {
	p.Placed()
	p.gate.arriving.remove(p.window)
	p.window = 0
	p.giveBack()
}

// refusal is why nobody may enter now, nil for no reason.
func (g *Gate) refusal() *Refusal {
	if r := g.standing.Load(); r != nil {
		return r
	}
	orders := g.orders.Load() + g.arriving.recent()
	reached(&g.coming, orders)
	if orders >= minPlacements && max(orders, g.inside.Load()) >= g.limit.Load() {
		return overload
	}
	if g.sources.Committing() > max(stall, g.config.Latency) {
		return stalled
	}
	return nil
}

// reached notes the most that there was.
func reached(most *atomic.Int64, n int64) {
	if n > most.Load() {
		most.Store(n)
	}
}

func (g *Gate) refuse(r *Refusal) error {
	g.refused.WithLabelValues(string(r.Reason)).Inc()
	return r
}

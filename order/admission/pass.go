package admission

import (
	"sync/atomic"
	"time"
)

// unit is the body size that adds one to a placement's weight. Large bodies take longer to decode, store and answer.
const unit = 8 << 10

func weight(length int64) int64 { return 1 + max(length, 0)/unit }

// Pass is one placement's use of a Gate. It belongs to one goroutine.
type Pass struct {
	gate    *Gate
	client  string
	window  int64     // the window it arrived in; 0 when it does not count as arriving
	unsized int64     // the limit for a body of unknown length; 0 for other bodies
	body    int64     // room taken for a large body, in bytes
	weight  int64     // by Content-Length before Enter, by the real length after
	entered time.Time // zero unless it has entered
	line    bool      // of a batch
}

// Arrive asks for admission before the body is read. length is the request's Content-Length, or -1 when it is unknown.
// longest is the largest body that is accepted. Each client has a share of the room for large bodies. The client ""
// stands for many and has no share. The error is a *Refusal. The caller must call Leave in any case.
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

// Enter begins the placement after its body was read. The error is a *Refusal.
func (p *Pass) Enter(length int) error {
	g := p.gate
	g.arriving.remove(p.window)
	p.window, p.weight = 0, weight(int64(length))
	orders, inside := g.orders.Add(1), g.inside.Add(p.weight)
	reached(&g.peak, inside)
	if inside-p.weight >= g.limit.Load() && orders > minPlacements {
		g.leave(p.weight)
		p.giveBack() // the body must not stay in memory while the refusal is delayed
		return g.refuse(overload)
	}
	p.entered = time.Now()
	return nil
}

func (g *Gate) leave(weight int64) {
	g.orders.Add(-1)
	g.inside.Add(-weight)
	g.lines.admit(g)
}

// Placed ends the placement. Call it before the answer, so that a client that does not read its answer holds no place.
// It does nothing without Enter or when called again.
func (p *Pass) Placed() {
	if p.entered.IsZero() {
		return
	}
	if p.line {
		p.gate.lines.leave(p.weight)
	}
	p.gate.leave(p.weight)
	p.gate.done.Add(p.weight)
	p.gate.spent.Add(p.weight * int64(time.Since(p.entered)))
	p.entered = time.Time{}
}

// Leave gives everything back. The room of a large body is kept until then, because the answer is as large.
func (p *Pass) Leave() {
	p.Placed()
	p.gate.arriving.remove(p.window)
	p.window = 0
	p.giveBack()
}

// refusal returns why nobody may enter now, or nil.
func (g *Gate) refusal() *Refusal {
	if r := g.standing.Load(); r != nil {
		return r
	}
	orders := g.orders.Load() + g.arriving.recent()
	reached(&g.coming, orders)
	if orders >= minPlacements && max(orders, g.inside.Load()) >= g.limit.Load() {
		return overload
	}
	return g.closed()
}

// closed returns why nobody may enter however few are inside, or nil.
func (g *Gate) closed() *Refusal {
	if r := g.standing.Load(); r != nil {
		return r
	}
	if g.sources.Committing() > max(stall, g.config.Latency) {
		return stalled
	}
	return nil
}

// reached raises most to n. A concurrent raise may be lost.
func reached(most *atomic.Int64, n int64) {
	if n > most.Load() {
		most.Store(n)
	}
}

func (g *Gate) refuse(r *Refusal) error {
	g.refused.WithLabelValues(string(r.Reason)).Inc()
	return r
}

package admission

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// A refusal for overload is delayed by a random time between minHold and three times that. A refusal costs half as much
// as storing an order. If clients retried at once, no time would be left for the placements that were admitted.
//
// In a larger flood, refusals are delayed longer, up to maxHold. The weight refused in a second is at most the weight
// stored, or minRefusals if that is more. This is approximate, because turns that are given up may be lost. The bodies
// of delayed requests stay in the kernel. HTTP/2 keeps up to 128 KiB of each connection in the process.
const (
	minHold     = 250 * time.Millisecond
	maxHold     = 5 * time.Second
	minRefusals = 500
)

// Hold waits before an error of this package is sent to the client. It returns early when ctx ends or stopping is
// closed. The caller should release the request's body before it calls Hold.
func (p *Pass) Hold(ctx context.Context, stopping <-chan struct{}, err error) {
	if !errors.Is(err, overload) {
		return
	}
	spread := minHold + rand.N(2*minHold) //nolint:gosec // G404: spreads requests, guards nothing
	turn := p.gate.refusals.ReserveN(time.Now(), int(p.weight))
	wait := turn.Delay()
	if wait > maxHold {
		turn.Cancel() // the refusals behind it need not wait for this one
	}
	timer := time.NewTimer(max(spread, min(wait, maxHold)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-stopping:
	}
}

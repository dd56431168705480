package admission

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// A refusal for overload is held back for a random time from minHold to three times that. Refusing costs half of what
// storing does: clients that ask again at once would leave no time for those that were admitted. So each asks twice a
// second, and not all at the same moment.
//
// Of a larger flood refusals are held back for longer, at most for maxHold: no more is refused in a second than was
// stored, or than minRefusals, by weight: about, for turns that are given up may be lost. What waits for its refusal
// waits in the kernel, body and all (over HTTP/2 up to 128 KiB of it in the program).
const (
	minHold     = 250 * time.Millisecond
	maxHold     = 5 * time.Second
	minRefusals = 500
)

// Hold waits before an error of this package is told to the client. It returns at once when ctx ends, or when stopping
// is closed: nobody else asks any more. By then nothing of the request should be kept.
func (p *Pass) Hold(ctx context.Context, stopping <-chan struct{}, err error) {
	if !errors.Is(err, overload) {
		return
	}
	spread := minHold + rand.N(2*minHold) //nolint:gosec // G404: spreads requests, guards nothing
	turn := p.gate.refusals.ReserveN(time.Now(), int(p.weight))
	wait := turn.Delay()
	if wait > maxHold {
		turn.Cancel() // those behind it do not wait for one that waits no longer
	}
	timer := time.NewTimer(max(spread, min(wait, maxHold)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-stopping:
	}
}

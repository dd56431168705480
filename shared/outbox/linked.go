package outbox

import (
	"context"
	"time"
)

// Link returns the state of the relay's connection to the publisher.
func (o *Outbox) Link() Link { return *o.link.Load() }

// setLink sets the state, as of now.
func (o *Outbox) setLink(state LinkState, err error) {
	o.setLinkSince(state, o.config.Clock.Now(), err)
}

// setLinkSince sets the state, as of the given time. If the state does not change, its start stays.
func (o *Outbox) setLinkSince(state LinkState, since time.Time, err error) {
	next := Link{State: state, Since: since.UTC()}
	if last := o.link.Load(); last != nil && last.State == state {
		next.Since = last.Since
	}
	if err != nil {
		next.Error = clip(err.Error())
	}
	o.link.Store(&next)
	o.awaited.leaves(state == LinkDown || state == LinkFenced || state == LinkIdle)
	if state != LinkConnecting && state != LinkIdle {
		o.settle.Do(func() { close(o.settled) })
	}
}

// Settled waits until the relay has found out whether the file still owns its lineage, until it could not, or until ctx
// ends. The error is ErrFenced if the file does not. A file that never had a message does not wait.
func (o *Outbox) Settled(ctx context.Context) error {
	if o.queue.lastSlot() > 0 {
		select {
		case <-o.settled:
		case <-ctx.Done():
		}
	}
	if o.fenced.Load() {
		return ErrFenced
	}
	return nil
}

// connecting notes that a session is about to be opened. During an outage this is one more attempt, and the outage goes
// on.
func (o *Outbox) connecting() {
	if o.link.Load().State != LinkDown {
		o.setLink(LinkConnecting, nil)
	}
}

// down notes an outage. It began with the step that failed. If the relay had to connect, it began with the first
// attempt that failed.
func (o *Outbox) down(step time.Time, err error) {
	if last := o.link.Load(); last.State == LinkConnecting {
		step = last.Since
	}
	o.setLinkSince(LinkDown, step, err)
}

// up notes that the publisher takes messages, or would if there were any. An open session does not show that: the relay
// may not be allowed to write. began is the start of the outage that ends. changed is false if the link was up already.
func (o *Outbox) up() (began time.Time, changed bool) {
	last := o.link.Load()
	if last.State == LinkUp {
		return time.Time{}, false
	}
	if last.State == LinkDown {
		began = last.Since
	}
	o.setLink(LinkUp, nil)
	return began, true
}

// HeldBackFor returns how long the relay has waited for other programs' transactions, or 0.
func (o *Outbox) HeldBackFor() time.Duration {
	held := o.held.Load()
	if held == nil {
		return 0
	}
	return max(o.config.Clock.Now().Sub(held.Since), 0)
}

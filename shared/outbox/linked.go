package outbox

import "time"

// setLink sets the state, from now.
func (o *Outbox) setLink(state LinkState, err error) {
	o.setLinkSince(state, o.config.Clock.Now(), err)
}

// setLinkSince sets the state, from the given time. A state that does not change keeps its start.
func (o *Outbox) setLinkSince(state LinkState, since time.Time, err error) {
	next := Link{State: state, Since: since.UTC()}
	if last := o.link.Load(); last.State == state {
		next.Since = last.Since
	}
	if err != nil {
		next.Error = clip(err.Error())
	}
	o.link.Store(&next)
}

// connecting notes that a session is about to be opened. During an outage that is one more attempt, and the outage goes
// on.
func (o *Outbox) connecting() {
	if o.link.Load().State != LinkDown {
		o.setLink(LinkConnecting, nil)
	}
}

// down says that there is an outage. It began with the step that failed, or when the relay had to connect: with the
// first that did.
func (o *Outbox) down(step time.Time, err error) {
	if last := o.link.Load(); last.State == LinkConnecting {
		step = last.Since
	}
	o.setLinkSince(LinkDown, step, err)
}

// up says that the publisher takes messages, or would if there were any. A session alone does not show that: one that
// may not write can be opened. began is when the outage began that ends with this; changed is false when the link was
// up already.
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

// HeldBackFor returns how long the relay has been waiting for other programs' transactions; 0 if it does not wait.
func (o *Outbox) HeldBackFor() time.Duration {
	held := o.held.Load()
	if held == nil {
		return 0
	}
	return max(o.config.Clock.Now().Sub(held.Since), 0)
}

package outbox

import "time"

// LinkState is the state of the relay's connection to the publisher.
type LinkState string

// The states of a link.
const (
	LinkIdle       LinkState = "idle"       // no relay runs
	LinkConnecting LinkState = "connecting" // a session is being opened, or what it finds is put right
	LinkWaiting    LinkState = "waiting"    // for the end of others' transactions, see HeldBack
	LinkUp         LinkState = "up"
	// LinkDown: an outage, from its beginning until messages go out again, or would if there were any.
	LinkDown   LinkState = "down"
	LinkFenced LinkState = "fenced" // see ErrFenced
)

// LinkStates lists every state.
func LinkStates() []LinkState {
	return []LinkState{LinkIdle, LinkConnecting, LinkWaiting, LinkUp, LinkDown, LinkFenced}
}

// Link describes the relay's connection to the publisher.
type Link struct {
	State LinkState `json:"state" doc:"The state of the relay's connection to the publisher."`
	Since time.Time `json:"since" doc:"Since when it is in this state. An outage lasts until messages go out again; attempts in between do not restart it."`
	Error string    `json:"error,omitempty" doc:"Why the last session ended. For people. Left out while it is up."`
}

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

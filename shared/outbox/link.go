package outbox

import "time"

// LinkState says how the relay stands with the publisher.
type LinkState string

// The states of a link.
const (
	LinkIdle       LinkState = "idle"       // no relay runs
	LinkConnecting LinkState = "connecting" // a session is being opened, or what it finds is put right
	LinkWaiting    LinkState = "waiting"    // for the end of others' transactions, see HeldBack
	LinkUp         LinkState = "up"
	LinkDown       LinkState = "down"   // an outage, from its beginning until messages go out again, or would if there were any
	LinkFenced     LinkState = "fenced" // see ErrFenced
)

// LinkStates lists every state.
func LinkStates() []LinkState {
	return []LinkState{LinkIdle, LinkConnecting, LinkWaiting, LinkUp, LinkDown, LinkFenced}
}

// Link is how the relay stands with the publisher.
type Link struct {
	State LinkState `json:"state" doc:"How the relay stands with Kafka."`
	Since time.Time `json:"since" doc:"Since when. An outage lasts from its beginning until messages go out again, whatever is tried meanwhile."`
	Error string    `json:"error,omitempty" doc:"Why the last session ended. For people. Left out while it is up."`
}

// setLink says how the relay stands since now.
func (o *Outbox) setLink(state LinkState, err error) {
	o.setLinkSince(state, o.config.Clock.Now(), err)
}

// setLinkSince says how the relay stands since then. A state that lasts keeps its beginning.
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

// connecting says that a session is about to be opened. In an outage that is one more attempt, and the outage lasts.
func (o *Outbox) connecting() {
	if o.link.Load().State != LinkDown {
		o.setLink(LinkConnecting, nil)
	}
}

// down says that there is an outage. It began with the step that failed, or when the relay had to connect: with the first that did.
func (o *Outbox) down(step time.Time, err error) {
	if last := o.link.Load(); last.State == LinkConnecting {
		step = last.Since
	}
	o.setLinkSince(LinkDown, step, err)
}

// up says that the publisher takes messages, or would if there were any. A session alone does not show that: one that may not write can be
// opened. began is when the outage began that ends with this; changed is false when the link was up already.
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

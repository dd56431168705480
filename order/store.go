package order

import (
	"context"
	"errors"
	"time"

	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/uuidv7"
)

// The errors of a Store. Any other error leaves the outcome unknown, but the request may be repeated.
var (
	// ErrNotFound says that no order has that id.
	ErrNotFound = errors.New("no such order")
	// ErrKeyReused says that the idempotency key belongs to another order. Nothing was stored.
	ErrKeyReused = errors.New("the idempotency key was used for another order")
	// ErrReferenceTaken says that the source has another order with that reference. Nothing was stored.
	ErrReferenceTaken = errors.New("the source has another order with that reference")
	// ErrReplayOnly says that only a replay was allowed, and there was nothing to replay. Nothing was stored.
	ErrReplayOnly = errors.New("only a replay was allowed")
	// ErrAlreadyCancelled says that another request cancelled the order. Nothing was stored.
	ErrAlreadyCancelled = errors.New("the order is already cancelled")
	// ErrUnavailable says that nothing was stored and that the request may be repeated.
	ErrUnavailable = errors.New("the order was not stored")
	// ErrOutcomeUnknown says that the order may or may not be stored. With an idempotency key it is safe to repeat the
	// request.
	ErrOutcomeUnknown = errors.New("the outcome is unknown")
)

// Store stores orders. The interface is declared here, where it is used. Package orderstore implements it.
type Store interface {
	// Place stores the order, its idempotency key and its message in one transaction. It returns when they are on disk.
	// The store assigns the id.
	//
	// The key is looked up first. A known key answers with its order, if the content is the same. A key may be
	// forgotten after a time. Then source and reference are looked up, if there are both. They belong to one order for
	// ever, whoever asks. The same content answers with that order, and the key, if there is one, then belongs to it.
	//
	// Errors: ErrKeyReused, ErrReferenceTaken, ErrReplayOnly, ErrUnavailable, ErrOutcomeUnknown. Place is safe for
	// concurrent use. Two requests with one key, or one source and reference, place one order.
	Place(ctx context.Context, r *Request) (Placed, error)
	// PlaceAll does as Place for each of the requests, in their order, and returns the outcome of each. It takes one
	// transaction for all of them. Each stands for itself: one that is refused does not refuse the others.
	PlaceAll(ctx context.Context, requests []*Request) []Outcome
	// Cancel stores the cancellation of an order and its message in one transaction. It returns when they are on disk.
	// The order's own row and message do not change. For a cancelled order, the key that cancelled it gets the order as
	// its answer. Errors: ErrNotFound, ErrAlreadyCancelled, ErrUnavailable, ErrOutcomeUnknown. Cancel is safe for
	// concurrent use: of several requests at once, one cancels the order.
	Cancel(ctx context.Context, r *CancelRequest) (Cancelled, error)
	// HandOver takes over orders and cancellations that another file has, in one transaction, and returns when they are
	// on disk. See Orders.HandOver. Errors: ErrUnavailable, ErrOutcomeUnknown. A repeated call changes nothing.
	HandOver(ctx context.Context, offers []Handover) ([]Verdict, error)
	// Get returns one order, ErrNotFound, or a *SupersededError.
	Get(ctx context.Context, id uuidv7.ID) (Stored, error)
	// Delivery returns how far an order's messages got, or an error of Get. The caller sets Topic and MessageDelivery.
	Delivery(ctx context.Context, id uuidv7.ID) (Delivery, error)
	// List returns orders by descending id.
	List(ctx context.Context, q Query) (Page, error)
	// Republish publishes the messages of the orders placed in [from, to) once more, in the order of their ids. Only
	// messages that are published are sent, and only of orders that were stored when it began. It calls report now and
	// then with what it has done so far, from its own goroutine. It returns when all are in the log. ErrRepublishing
	// means that another call is at work. After any other error some were sent; another call sends them again, and
	// readers refuse them.
	Republish(ctx context.Context, from, to time.Time, report func(Republication)) (Republication, error)
	// Digests sums up the orders after an id, in ascending order. The zero id starts at the beginning.
	Digests(ctx context.Context, after uuidv7.ID) (DigestPage, error)
}

// Request is one validated order on its way into a Store.
type Request struct {
	// Payload is the encoded order without its id, as event.Encode returns it. The Store writes the id into it and
	// keeps it.
	Payload []byte
	// Order is what Payload encodes. If it is nil, the Store decodes Payload.
	Order      *event.Order
	CustomerID string
	PlacedAt   time.Time
	// Trace is sent with the order's message.
	Trace cloudevent.Trace
	// PlacedBy names the sender, "" when it is unknown. It is not in the payload.
	PlacedBy string
	// Source and Reference are the payload's. An order with a source also has a reference.
	Source, Reference string
	// Key stands for the idempotency key. Hash is compared when the key, or source and reference, come again.
	Key  KeyHash
	Hash RequestHash
	// ReplayOnly says that the order is too far in the past to be placed. A replay of an earlier order is still
	// answered.
	ReplayOnly bool
}

// Placed is the answer to a placement.
type Placed struct {
	Stored
	// Repeatable says that the request may be repeated: it had a key, or a source and a reference.
	Repeatable bool
	// Replayed says that an earlier request with the same key, or the same source and reference, placed the order.
	Replayed bool
}

// Outcome is what became of one of several placements.
type Outcome struct {
	Placed
	Err error // one of Place, nil if the order was placed
}

// Stored is an order as it is stored.
type Stored struct {
	ID          uuidv7.ID
	Payload     []byte // the encoded order, with its id
	PlacedBy    string // who placed it, "" when that was not known
	Publication Publication
	// Slot is where the order's message is or will be published. It changes when the message is tried again.
	Slot uint64
	// Cancellation is nil unless the order is cancelled.
	Cancellation *Cancellation
}

// Status is the status of an order.
type Status string

// The statuses of an order.
const (
	StatusPlaced    Status = "placed"
	StatusCancelled Status = "cancelled"
)

// Statuses returns all statuses.
func Statuses() []Status { return []Status{StatusPlaced, StatusCancelled} }

// Status returns the status of the order.
func (s *Stored) Status() Status {
	if s.Cancellation != nil {
		return StatusCancelled
	}
	return StatusPlaced
}

// State tells how far an order's message got.
type State string

// The states of a message.
const (
	Pending   State = "pending"
	Waiting   State = "waiting" // refused and to be retried, or behind one that is; a Publication calls it pending
	Published State = "published"
	Parked    State = "parked"
	Discarded State = "discarded" // parked, then given up by an operator
)

// States returns all states.
func States() []State { return []State{Pending, Waiting, Published, Parked, Discarded} }

// Publication describes how far an order's message got. What is no longer known is left out.
type Publication struct {
	// How far the message got; one that waits is pending here.
	State State `json:"state"`
	// Failures that were the message's own fault, plus the success. Left out when it is not known any more.
	// Example: 1
	Attempts *int `json:"attempts,omitzero"`
	// When it was published, or failed last. Left out before, and when it is not known.
	At time.Time `json:"at,omitzero"`
}

// Query selects orders.
type Query struct {
	CustomerID string // "" for all
	Source     string // "" for all; otherwise Reference is needed too
	Reference  string // "" for all
	Status     Status // "" for all
	Currency   string // "" for all
	// Publication is how far the message of the placement got, "" for all. Pending includes Waiting.
	Publication State
	PlacedFrom  time.Time // inclusive; zero for no bound
	PlacedTo    time.Time // exclusive; zero for no bound
	Before      uuidv7.ID // only orders with a smaller id; zero for all
	Limit       int       // orders per page, at least 1
}

// Page is one page of orders.
type Page struct {
	Orders []Stored
	// Corrupt are the ids of damaged orders on the page. They count towards the limit.
	Corrupt []uuidv7.ID
	// Next is the Before of the next page, or zero on the last page. A page may have fewer orders than the limit and
	// still have a next one, because the store bounds how far it looks for matches.
	Next uuidv7.ID
}

// Delivery is how far an order's messages got: first that of the placement, then the list of all.
type Delivery struct {
	MessageDelivery
	// How far each message of the order got, in the order written. The first one is that of the placement, described
	// above.
	Messages []MessageDelivery `json:"messages"`
}

// MessageDelivery is how far one message got. What is not known yet, or no longer known, is left out.
type MessageDelivery struct {
	// The message's type, its ce_type.
	// Example: ORDER_CREATED
	Type string `json:"type"`
	// How far the message got.
	State State `json:"state"`
	// The message's id, its ce_id; it stays when the message is sent again.
	// Example: 01890a5d-ac96-774b-8000-000000000001
	MessageID uuidv7.ID `json:"message_id"`
	// The message's slot, its ce_sequence; a new one each time that it is tried again.
	// Example: 7
	Sequence uint64 `json:"sequence"`
	// The history that the slot belongs to, its ce_lineage.
	// Example: 01890a5d-ac96-774b-8000-000000000002
	Lineage string `json:"lineage"`
	// Failures that were the message's own fault, plus the success. Left out when it is not known any more.
	// Example: 1
	Attempts *int `json:"attempts,omitzero"`
	// The class of the last refusal of a waiting or parked message. Left out when the message was not refused itself.
	// Example: too_large
	Class string `json:"class,omitzero"`
	// The last refusal in words. For people.
	// Example: Broker: Message size too large
	Reason string `json:"reason,omitzero"`
	// When a refused message is retried. Left out otherwise.
	NextTry time.Time `json:"next_attempt_at,omitzero"`
	// When the message was stored. Left out when the message has expired from the file.
	CommittedAt time.Time `json:"committed_at,omitzero"`
	// When it was published. Left out before, and when it is not known.
	PublishedAt time.Time `json:"published_at,omitzero"`
	// Where it was published. Left out before.
	// Example: order.activity.v1
	Topic string `json:"topic,omitzero"`
	// The partition it is in. Left out before it is published, and when it is not known.
	// Example: 3
	Partition *int32 `json:"partition,omitzero"`
	// Its offset there. Left out before it is published, and when it is not known.
	// Example: 41
	Offset *int64 `json:"offset,omitzero"`
}

// Package orderstore keeps orders in a bbolt file. An order, its idempotency key and its message are written in one
// transaction, which many requests share.
package orderstore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/boltdb/runs"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/outbox"
	"ordertally/shared/service/metric"
	"ordertally/shared/uuidv7"
)

// Format is the format of an order file.
var Format = boltdb.Format{Service: "order", Number: 3}

var (
	ordersBucket = []byte("orders") // id -> row
	// Order id -> how the order was cancelled.
	cancellationsBucket = []byte("cancellations")
)

// tailFill packs pages tightly. The buckets that use it are only appended to, because ids grow.
const tailFill = 0.9

// Store implements order.Store.
type Store struct {
	db         *boltdb.DB
	outbox     *outbox.Outbox
	ids        *uuidv7.Source
	clock      clock.Clock
	placed     prometheus.Counter
	cancelled  prometheus.Counter
	superseded prometheus.Counter

	indexes      *runs.Set
	writing      writing
	retention    atomic.Int64 // of idempotency keys, nanoseconds
	republishing sync.Mutex   // held while a republication is under way
}

var _ order.Store = (*Store)(nil)

// Open prepares the buckets in db. Messages are appended to o, which uses the same file. Open registers the metrics
// order_placed_total and order_cancelled_total with reg.
func Open(ctx context.Context, db *boltdb.DB, o *outbox.Outbox, c clock.Clock, reg prometheus.Registerer) (*Store,
	error) {
	s := &Store{db: db, outbox: o, clock: c,
		placed: metric.Counter(reg, "order_placed_total",
			"Orders stored since the process started; replays are none."),
		cancelled: metric.Counter(reg, "order_cancelled_total",
			"Orders cancelled since the process started; replays are none."),
		superseded: metric.Counter(reg, "order_superseded_total",
			"Orders of a file that was handed over whose key or reference another order has, since the process "+
				"started."),
	}
	err := db.Write(ctx, func(tx *boltdb.Tx) error {
		if tx.Bucket(ordersBucket) == nil {
			for _, name := range buckets() {
				if _, err := tx.CreateBucket(name); err != nil {
					return err
				}
			}
			return runs.Create(tx, indexesBucket, indexSpecs())
		}
		return boltdb.Refuse(nil)
	})
	if err != nil {
		return nil, fmt.Errorf("open order store: %w", err)
	}
	if s.indexes, err = runs.Open(ctx, db, indexesBucket, indexSpecs(), runs.Config{}); err != nil {
		return nil, fmt.Errorf("open order store: %w", err)
	}
	var last uuidv7.ID
	err = db.View(ctx, func(tx *bbolt.Tx) error {
		key, _ := tx.Bucket(ordersBucket).Cursor().Last()
		copy(last[:], key)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("open order store: %w", err)
	}
	s.ids = uuidv7.NewSource(c, 0, last)
	return s, nil
}

// Place implements order.Store.
func (s *Store) Place(ctx context.Context, r *order.Request) (order.Placed, error) {
	var placed order.Placed
	err := s.db.Write(ctx, s.placing(r, &placed))
	return s.outcome(placed, err)
}

// PlaceAll implements order.Store.
func (s *Store) PlaceAll(ctx context.Context, requests []*order.Request) []order.Outcome {
	outcomes, placing := make([]order.Outcome, len(requests)), make([]func(*boltdb.Tx) error, len(requests))
	for i, r := range requests {
		placing[i] = s.placing(r, &outcomes[i].Placed)
	}
	for i, err := range s.db.WriteAll(ctx, placing) {
		outcomes[i].Placed, outcomes[i].Err = s.outcome(outcomes[i].Placed, err)
	}
	return outcomes
}

// outcome returns what became of a placement whose transaction has ended with err.
func (s *Store) outcome(placed order.Placed, err error) (order.Placed, error) {
	if err != nil {
		return order.Placed{}, writeError("place order", err)
	}
	if !placed.Replayed {
		s.placed.Inc()
	}
	return placed, nil
}

// placing returns the function that places an order in a transaction. It sets placed.
func (s *Store) placing(r *order.Request, placed *order.Placed) func(*boltdb.Tx) error {
	rest := s.prepare(r)
	return func(tx *boltdb.Tx) error {
		found, err := s.replay(tx, r, &rest)
		if err != nil {
			return boltdb.Refuse(err)
		}
		if *placed = found.Placed; placed.Replayed {
			if r.Key.IsZero() || found.byKey {
				return boltdb.Refuse(nil)
			}
			// The key belongs to the answered order from now on.
			return s.putKey(tx, r.Key, s.ids.Next(), placed.ID)
		}
		if r.ReplayOnly {
			return boltdb.Refuse(order.ErrReplayOnly)
		}
		id := s.ids.Next()
		*placed = order.Placed{
			Stored: order.Stored{
				ID:          id,
				Payload:     r.Payload,
				PlacedBy:    r.PlacedBy,
				Publication: order.Publication{State: order.Pending, Attempts: new(int)},
			},
		}
		placed.Slot, err = s.insert(tx, id, s.ids.Next(), r, &rest)
		return err
	}
}

// headersOf returns the headers of the message of a request with that key.
func headersOf(key order.KeyHash, hash order.RequestHash) []cloudevent.Header {
	if key.IsZero() {
		return nil
	}
	return []cloudevent.Header{event.KeyHeader(key, hash)}
}

// writeError translates a failed write into the domain's errors.
func writeError(what string, err error) error {
	for _, answer := range []error{
		order.ErrKeyReused, order.ErrReferenceTaken, order.ErrReplayOnly, order.ErrNotFound, order.ErrAlreadyCancelled,
		codec.ErrCorrupt,
	} {
		if errors.Is(err, answer) {
			return err
		}
	}
	if errors.Is(err, boltdb.ErrOutcomeUnknown) {
		return fmt.Errorf("%s: %w: %w", what, order.ErrOutcomeUnknown, err)
	}
	return fmt.Errorf("%s: %w: %w", what, order.ErrUnavailable, err)
}

// replayed is an earlier order for the same request, if there is one.
type replayed struct {
	order.Placed
	byKey bool // the key is known
}

// replay looks for an order that the request placed earlier, possibly in the same group (rule G1). It looks by key
// first, then by source and reference. rest is what prepare made of the request.
func (s *Store) replay(tx *boltdb.Tx, r *order.Request, rest *prepared) (replayed, error) {
	if !r.Key.IsZero() {
		id, err := s.keyed(tx, &rest.key)
		if err != nil {
			return replayed{}, err
		}
		placed, err := s.find(tx, id, r.Hash, order.ErrKeyReused)
		if err != nil || placed.Replayed {
			return replayed{placed, true}, err
		}
	}
	if r.Source != "" {
		find := func(visit func([]byte) bool) error { return rest.source.Find(tx, visit) }
		id, err := sourced(tx.Tx, find, r.Source, r.Reference)
		if err != nil {
			return replayed{}, err
		}
		placed, err := s.find(tx, id, r.Hash, order.ErrReferenceTaken)
		return replayed{placed, false}, err
	}
	return replayed{}, nil
}

// find returns the order id, unless id is zero. It returns other when the order has different content.
func (s *Store) find(tx *boltdb.Tx, id uuidv7.ID, hash order.RequestHash, other error) (order.Placed, error) {
	if id == (uuidv7.ID{}) {
		return order.Placed{}, nil
	}
	r, err := readRow(tx.Tx, id)
	if err != nil {
		return order.Placed{}, err
	}
	same := r.hash == hash
	if r.hash.IsZero() {
		placed, err := r.order(id)
		if err != nil {
			return order.Placed{}, fmt.Errorf("order %s: %w", id, err)
		}
		same = hash.Placed(&placed)
	}
	if !same {
		return order.Placed{}, other
	}
	stored, err := s.stored(tx.Tx, id, r)
	return order.Placed{Stored: stored, Replayed: true}, err
}

// insert stores an order, appends its message with the id messageID, and returns the message's slot. rest is what
// prepare made of the request.
func (s *Store) insert(
	tx *boltdb.Tx, id, messageID uuidv7.ID, r *order.Request, rest *prepared,
) (slot uint64, err error) {
	event.SetID(r.Payload, id)
	placed := row{
		message:  message{kind: event.TypeCreated, id: messageID},
		placedAt: r.PlacedAt, placedBy: r.PlacedBy, key: r.Key, hash: r.Hash, content: rest.content,
	}
	m := placed.created(id.String(), event.IDText(r.Payload), r.Payload, rest.headers)
	m.Trace, m.Stored = r.Trace, true
	slot, err = s.outbox.Append(tx, m)
	if err != nil {
		return 0, err
	}
	placed.message.slot = slot
	w := s.writing.begin(tx)
	w.key = id
	if err := w.orders.Put(w.key[:], encodeRow(&w.arena, w.key[:], &placed)); err != nil {
		return 0, err
	}
	return slot, s.index(tx, id, r, rest)
}

// writing is what the placements of a transaction share. Only the committer uses it.
type writing struct {
	tx     *bbolt.Tx
	orders *bbolt.Bucket
	arena  codec.Arena
	key    uuidv7.ID // of the newest row
}

// begin begins the writing of another transaction.
func (w *writing) begin(tx *boltdb.Tx) *writing {
	if w.tx != tx.Tx {
		w.tx, w.orders = tx.Tx, tx.Bucket(ordersBucket)
		w.orders.FillPercent = tailFill
		w.arena.Reset()
	}
	return w
}

// prepared is what is made of a request before its turn in the committer, so that its turn is short.
type prepared struct {
	content content
	headers []cloudevent.Header
	hashes  [3]hashed // the first found
	found   int
	key     runs.Lookup // if it has a key
	source  runs.Lookup // if it has a source
}

func (s *Store) prepare(r *order.Request) prepared {
	p := prepared{content: contentOf(r.Payload, r.Order), headers: headersOf(r.Key, r.Hash)}
	o := identity{r.Source, r.Reference, r.CustomerID}
	p.hashes, p.found = o.hashes()
	for i := range p.hashes[:p.found] {
		if h := &p.hashes[i]; h.index == sourcesIndex {
			p.source = s.indexes.Index(sourcesIndex).Look(h.hash)
		}
	}
	if !r.Key.IsZero() {
		p.key = s.indexes.Index(keysIndex).Look(runs.Hash(r.Key))
	}
	return p
}

// created returns the message of the placement. subject and key are the order's id as text, payload is the order's, and
// headers are those of its idempotency key.
func (r *row) created(subject string, key, payload []byte, headers []cloudevent.Header) outbox.Message {
	return outbox.Message{
		ID: r.message.id, Key: key, Type: r.message.kind, Subject: subject, Schema: event.SchemaCreated,
		ContentType: event.ContentType, Time: r.placedAt, Headers: headers, Value: payload,
	}
}

// Get implements order.Store.
func (s *Store) Get(ctx context.Context, id uuidv7.ID) (order.Stored, error) {
	var stored order.Stored
	err := s.db.View(ctx, func(tx *bbolt.Tx) (err error) {
		stored, err = s.get(tx, id)
		return err
	})
	if err != nil {
		return order.Stored{}, readError(err)
	}
	return stored, nil
}

func readError(err error) error {
	if errors.Is(err, boltdb.ErrOutcomeUnknown) || errors.Is(err, boltdb.ErrClosed) ||
		errors.Is(err, boltdb.ErrDamaged) {
		return fmt.Errorf("read orders: %w: %w", order.ErrUnavailable, err)
	}
	return fmt.Errorf("read orders: %w", err)
}

func (s *Store) get(tx *bbolt.Tx, id uuidv7.ID) (order.Stored, error) {
	r, err := readRow(tx, id)
	if err != nil {
		return order.Stored{}, err
	}
	return s.stored(tx, id, r)
}

// readRow returns an order's row. Its content shares the transaction's memory. The error for an unknown id is
// order.ErrNotFound or an *order.SupersededError.
func readRow(tx *bbolt.Tx, id uuidv7.ID) (row, error) {
	sealed := tx.Bucket(ordersBucket).Get(id[:])
	if sealed == nil {
		return row{}, missing(tx, id)
	}
	r, err := decodeRow(id[:], sealed)
	if err != nil {
		return row{}, fmt.Errorf("order %s: %w", id, err)
	}
	return r, nil
}

// stored copies a row out of the transaction. It adds the order's status and how far its message got.
func (s *Store) stored(tx *bbolt.Tx, id uuidv7.ID, r row) (order.Stored, error) {
	status, err := s.outbox.Status(tx, r.message.slot)
	if err != nil {
		return order.Stored{}, fmt.Errorf("message of order %s: %w", id, err)
	}
	payload, err := r.payload(id)
	if err != nil {
		return order.Stored{}, fmt.Errorf("order %s: %w", id, err)
	}
	stored := order.Stored{
		ID:          id,
		Payload:     payload,
		PlacedBy:    r.placedBy,
		Publication: order.Publication{State: states[status.State], Attempts: attempts(status), At: status.At},
		Slot:        status.Slot,
	}
	if stored.Publication.State == order.Waiting {
		stored.Publication.State = order.Pending
	}
	c, err := readCancellation(tx, id)
	if c != nil {
		stored.Cancellation = &c.Cancellation
	}
	return stored, err
}

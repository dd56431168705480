// Package orderstore keeps orders in a bbolt file. An order, its idempotency key and its message are written in one
// transaction, which many requests share.
package orderstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/outbox"
	"ordertally/shared/service/lifecycle"
	"ordertally/shared/uuidv7"
)

var (
	ordersBucket = []byte("orders") // id -> row
	keysBucket   = []byte("keys")   // idempotency key -> what it was used for
	// Id made when a key was first used, that of its order if it placed one -> the key.
	keyAgesBucket    = []byte("key-ages")
	sourcesBucket    = []byte("sources")    // source, 0, reference -> what it was used for
	referencesBucket = []byte("references") // reference, 0, order id -> nothing, sealed
	customersBucket  = []byte("customers")  // customer id, 0, order id -> nothing, sealed
)

// tailFill packs pages full that are only appended to: ids grow.
const tailFill = 0.9

// Store implements order.Store.
type Store struct {
	db     *boltdb.DB
	outbox *outbox.Outbox
	ids    *uuidv7.Source
	clock  clock.Clock
	placed prometheus.Counter

	forgetting lifecycle.Watchdog
}

var _ order.Store = (*Store)(nil)

// Open prepares the buckets in db. Messages are appended to o, which lives in the same file. The metric
// order_placed_total is registered with reg.
func Open(ctx context.Context, db *boltdb.DB, o *outbox.Outbox, c clock.Clock, reg prometheus.Registerer) (*Store,
	error) {
	s := &Store{db: db, outbox: o, clock: c, placed: prometheus.NewCounter(prometheus.CounterOpts{
		Name: "order_placed_total", Help: "Orders stored since the process started; replays are none."})}
	reg.MustRegister(s.placed)
	err := db.Write(ctx, func(tx *boltdb.Tx) error {
		if tx.Bucket(ordersBucket) == nil {
			for _, name := range buckets() {
				if _, err := tx.CreateBucket(name); err != nil {
					return err
				}
			}
			return nil
		}
		if tx.Bucket(referencesBucket) == nil {
			return boltdb.Refuse(
				errors.New(
					"the file has the format from before orders had sources, and cannot be read: use a new file",
				),
			)
		}
		return boltdb.Refuse(nil)
	})
	if err != nil {
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
	err := s.db.Write(ctx, func(tx *boltdb.Tx) error {
		found, err := s.replay(tx, r)
		if err != nil {
			return boltdb.Refuse(err)
		}
		if placed = found.Placed; placed.Replayed {
			if r.Key == "" || found.byKey {
				return boltdb.Refuse(nil)
			}
			return putKey(tx, r, s.ids.Next(), placed.ID) // the key belongs to the order that it was answered with
		}
		if r.ReplayOnly {
			return boltdb.Refuse(order.ErrBackfill)
		}
		id := s.ids.Next()
		placed = order.Placed{
			Stored: order.Stored{
				ID:          id,
				Payload:     r.Payload,
				PlacedBy:    r.PlacedBy,
				Publication: order.Publication{State: order.Pending, Attempts: new(int)},
			},
		}
		return s.insert(tx, id, r)
	})
	if err != nil {
		return order.Placed{}, placeError(err)
	}
	if !placed.Replayed {
		s.placed.Inc()
	}
	return placed, nil
}

// placeError names the outcome of a failed placement in the domain's terms.
func placeError(err error) error {
	switch {
	case errors.Is(err, order.ErrKeyReused),
		errors.Is(err, order.ErrReferenceTaken),
		errors.Is(err, order.ErrBackfill),
		errors.Is(err, boltdb.ErrCorrupt):
		return err
	case errors.Is(err, boltdb.ErrOutcomeUnknown):
		return fmt.Errorf("place order: %w: %w", order.ErrOutcomeUnknown, err)
	default:
		return fmt.Errorf("place order: %w: %w", order.ErrUnavailable, err)
	}
}

// replayed is an order that was placed already, if there is one.
type replayed struct {
	order.Placed
	byKey bool // the key is known
}

// replay looks for the order that the request placed earlier, be it in this very group (rule G1): by the key, then by
// source and reference.
func (s *Store) replay(tx *boltdb.Tx, r *order.Request) (replayed, error) {
	if r.Key != "" {
		placed, err := s.find(tx, keysBucket, []byte(r.Key), r.Content, order.ErrKeyReused)
		if err != nil || placed.Replayed {
			return replayed{placed, true}, err
		}
	}
	if r.Source != "" {
		placed, err := s.find(tx, sourcesBucket, sourceKey(r.Source, r.Reference), r.Content, order.ErrReferenceTaken)
		return replayed{placed, false}, err
	}
	return replayed{}, nil
}

// find returns the order that key was used for. It answers other when the content is not the same.
func (s *Store) find(tx *boltdb.Tx, bucket, key []byte, content order.ContentHash, other error) (order.Placed, error) {
	sealed := tx.Bucket(bucket).Get(key)
	if sealed == nil {
		return order.Placed{}, nil
	}
	used, err := decodeUse(key, sealed)
	switch {
	case err != nil:
		return order.Placed{}, err
	case used.content != content:
		return order.Placed{}, other
	}
	stored, err := s.get(tx.Tx, used.id)
	return order.Placed{Stored: stored, Replayed: true}, err
}

func (s *Store) insert(tx *boltdb.Tx, id uuidv7.ID, r *order.Request) error {
	event.SetID(r.Payload, id)
	subject := id.String()
	slot, err := s.outbox.Append(tx, outbox.Message{
		Key: []byte(subject), Type: event.TypeCreated, Subject: subject, Schema: event.Schema,
		ContentType: event.ContentType, Time: r.PlacedAt, TraceParent: r.TraceParent, Value: r.Payload,
	})
	if err != nil {
		return err
	}
	orders := tx.Bucket(ordersBucket)
	orders.FillPercent = tailFill
	if err := orders.Put(
		id[:],
		encodeRow(id[:], row{slot: slot, placedAt: r.PlacedAt, placedBy: r.PlacedBy, payload: r.Payload}),
	); err != nil {
		return err
	}
	if r.CustomerID != "" {
		if err := tx.Bucket(customersBucket).Put(indexEntry(r.CustomerID, id)); err != nil {
			return err
		}
	}
	if r.Reference != "" {
		if err := tx.Bucket(referencesBucket).Put(indexEntry(r.Reference, id)); err != nil {
			return err
		}
	}
	if r.Source != "" {
		key := sourceKey(r.Source, r.Reference)
		if err := tx.Bucket(sourcesBucket).Put(key, encodeUse(key, use{content: r.Content, id: id})); err != nil {
			return err
		}
	}
	if r.Key == "" {
		return nil
	}
	return putKey(tx, r, id, id)
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
	sealed := tx.Bucket(ordersBucket).Get(id[:])
	if sealed == nil {
		return order.Stored{}, order.ErrNotFound
	}
	r, err := decodeRow(id[:], sealed)
	if err != nil {
		return order.Stored{}, fmt.Errorf("order %s: %w", id, err)
	}
	return s.stored(tx, id, r)
}

// stored copies a row out of the transaction and adds how far its message got.
func (s *Store) stored(tx *bbolt.Tx, id uuidv7.ID, r row) (order.Stored, error) {
	status, err := s.outbox.Status(tx, r.slot)
	if err != nil {
		return order.Stored{}, fmt.Errorf("message of order %s: %w", id, err)
	}
	publication := order.Publication{State: order.Pending, Attempts: attempts(status), At: status.At}
	switch status.State {
	case outbox.Published:
		publication.State = order.Published
	case outbox.Parked:
		publication.State = order.Parked
	case outbox.Discarded:
		publication.State = order.Discarded
	case outbox.Ceded:
		publication.State = order.Ceded
	case outbox.Pending, outbox.Waiting:
	}
	return order.Stored{
		ID:          id,
		Payload:     append([]byte(nil), r.payload...),
		PlacedBy:    r.placedBy,
		Publication: publication,
	}, nil
}

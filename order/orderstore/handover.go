package orderstore

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
)

// supersededBucket holds, for the id of an order that was superseded in a handover, the id of the order that stands for
// it. A file without a handover does not have it.
var supersededBucket = []byte("superseded")

// supersededBy returns the order that stands for id, or the zero id.
func supersededBy(tx *bbolt.Tx, id uuidv7.ID) (uuidv7.ID, error) {
	bucket := tx.Bucket(supersededBucket)
	if bucket == nil {
		return uuidv7.ID{}, nil
	}
	sealed := bucket.Get(id[:])
	if sealed == nil {
		return uuidv7.ID{}, nil
	}
	by, err := decodeID(id[:], sealed)
	if err != nil {
		return by, fmt.Errorf("what superseded order %s: %w", id, err)
	}
	return by, nil
}

// missing says why there is no order with that id.
func missing(tx *bbolt.Tx, id uuidv7.ID) error {
	by, err := supersededBy(tx, id)
	switch {
	case err != nil:
		return err
	case by != uuidv7.ID{}:
		return &order.SupersededError{ID: id, By: by}
	}
	return order.ErrNotFound
}

// HandOver implements order.Store.
func (s *Store) HandOver(ctx context.Context, offers []order.Handover) ([]order.Verdict, error) {
	var h handover
	err := s.db.Write(ctx, func(tx *boltdb.Tx) error {
		h = handover{store: s, tx: tx}
		for i := range offers {
			if err := h.take(&offers[i]); err != nil {
				return err
			}
		}
		return h.finish()
	})
	if err != nil {
		return nil, writeError("take orders over", err)
	}
	s.placed.Add(float64(h.placed))
	s.cancelled.Add(float64(h.cancelled))
	s.superseded.Add(float64(len(h.aliases)))
	return h.verdicts, nil
}

// handover is the taking over of a batch of orders, in one transaction.
type handover struct {
	store     *Store
	tx        *boltdb.Tx
	verdicts  []order.Verdict
	aliases   []order.Verdict // those superseded by this transaction
	placed    int
	cancelled int
}

func (h *handover) take(offer *order.Handover) error {
	v, err := h.decide(offer)
	if errors.Is(err, order.ErrKeyReused) || errors.Is(err, order.ErrReferenceTaken) {
		v, err = order.Verdict{Result: order.HandoverRefused, Reason: err.Error() + "; compare the two and place it " +
			"again if it is to count"}, nil
	}
	if err != nil {
		return fmt.Errorf("order %s: %w", offer.ID, err)
	}
	v.ID = offer.ID.String()
	h.verdicts = append(h.verdicts, v)
	return nil
}

func (h *handover) decide(offer *order.Handover) (order.Verdict, error) {
	if h.tx.Bucket(ordersBucket).Get(offer.ID[:]) != nil {
		return h.cancel(offer, offer.ID, order.Verdict{Result: order.HandoverKnown})
	}
	by, err := supersededBy(h.tx.Tx, offer.ID)
	if err != nil {
		return order.Verdict{}, err
	}
	if by != (uuidv7.ID{}) {
		return h.cancel(offer, by, order.Verdict{Result: order.HandoverSuperseded, SupersededBy: by.String()})
	}
	switch {
	case offer.SupersededBy != uuidv7.ID{}:
		return h.alias(offer)
	case offer.Request == nil:
		return order.Verdict{Result: order.HandoverWanted}, nil
	}
	r := offer.Request
	rest := h.store.prepare(r)
	found, err := h.store.replay(h.tx, r, &rest)
	if err != nil {
		return order.Verdict{}, err
	}
	if found.Replayed {
		return h.supersede(offer, found.ID)
	}
	if _, err := h.store.insert(h.tx, offer.ID, offer.MessageID, r, &rest); err != nil {
		return order.Verdict{}, err
	}
	h.placed++
	return h.cancel(offer, offer.ID, order.Verdict{Result: order.HandoverAdopted})
}

// alias takes over that another order stands for the offered id.
func (h *handover) alias(offer *order.Handover) (order.Verdict, error) {
	by := offer.SupersededBy
	if h.tx.Bucket(ordersBucket).Get(by[:]) == nil {
		next, err := supersededBy(h.tx.Tx, by)
		if err != nil {
			return order.Verdict{}, err
		}
		if next == (uuidv7.ID{}) {
			return order.Verdict{Result: order.HandoverRefused,
					Reason: "the order that superseded it is not known here"},
				nil
		}
		by = next
	}
	return h.supersede(offer, by)
}

func (h *handover) supersede(offer *order.Handover, by uuidv7.ID) (order.Verdict, error) {
	bucket, err := h.tx.CreateBucketIfNotExists(supersededBucket)
	if err == nil {
		err = bucket.Put(offer.ID[:], codec.Seal(offer.ID[:], by[:]))
	}
	if err != nil {
		return order.Verdict{}, err
	}
	v := order.Verdict{ID: offer.ID.String(), Result: order.HandoverSuperseded, SupersededBy: by.String()}
	h.aliases = append(h.aliases, v)
	return h.cancel(offer, by, v)
}

// cancel takes over the offered cancellation, if the order that stands for the offer is not cancelled.
func (h *handover) cancel(offer *order.Handover, id uuidv7.ID, v order.Verdict) (order.Verdict, error) {
	if offer.Cancellation == nil {
		return v, nil
	}
	known, err := readCancellation(h.tx.Tx, id)
	if known != nil || err != nil {
		return v, err
	}
	r, err := readRow(h.tx.Tx, id)
	if err != nil {
		return v, err
	}
	placed, err := r.order(id)
	if err != nil {
		return v, err
	}
	message := offer.Cancellation.MessageID
	if id != offer.ID { // the message names another order than the one that was stored
		message = h.store.ids.Next()
	}
	c := offer.Cancellation.Cancellation
	err = h.store.insertCancellation(h.tx, message, &order.CancelRequest{
		ID: id, Cancellation: c, Key: offer.Cancellation.Key,
		Payload: order.CancellationPayload(&placed, c.At, c.Reason),
	})
	if err != nil {
		return v, err
	}
	h.cancelled++
	if v.Result == order.HandoverKnown {
		v.Result = order.HandoverAdopted
	}
	return v, nil
}

// finish keeps an incident if orders were superseded.
func (h *handover) finish() error {
	switch {
	case len(h.aliases) > 0:
	case h.placed+h.cancelled == 0:
		return boltdb.Refuse(nil) // nothing was written
	default:
		return nil
	}
	history, first := h.store.outbox.History(), h.aliases[0]
	return history.Keep(h.tx, history.Incident(outbox.IncidentSuperseded, history.LastSlot(), len(h.aliases),
		"superseded orders of a file that was handed over: %d. Their keys or references belong to other orders. "+
			"The first is %s, by %s", len(h.aliases), first.ID, first.SupersededBy))
}

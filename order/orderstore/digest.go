package orderstore

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/shared/event/setdigest"
	"ordertally/shared/uuidv7"
)

// Digests implements order.Store. One page covers up to 10,000 orders.
func (s *Store) Digests(ctx context.Context, after uuidv7.ID) (order.DigestPage, error) {
	page := order.DigestPage{Unpublished: map[order.State]int{}}
	quarters := map[int64]*order.DigestQuarter{}
	err := s.db.View(ctx, func(tx *bbolt.Tx) error {
		cursor := tx.Bucket(ordersBucket).Cursor()
		key, sealed := cursor.Seek(after[:])
		if bytes.Equal(key, after[:]) {
			key, sealed = cursor.Next()
		}
		for read := 0; key != nil; key, sealed = cursor.Next() {
			if read == maxScan {
				return nil // page.Next is set
			}
			read++
			if err := s.digest(tx, uuidv7.ID(key), sealed, quarters, page.Unpublished); err != nil {
				return fmt.Errorf("order %s: %w", uuidv7.ID(key), err)
			}
			page.Next = uuidv7.ID(key)
		}
		page.Next = uuidv7.ID{}
		return nil
	})
	if err != nil {
		return order.DigestPage{}, readError(err)
	}
	for _, at := range slices.Sorted(maps.Keys(quarters)) {
		page.Quarters = append(page.Quarters, *quarters[at])
	}
	return page, nil
}

// digest adds one order.
func (s *Store) digest(tx *bbolt.Tx, id uuidv7.ID, sealed []byte, quarters map[int64]*order.DigestQuarter,
	unpublished map[order.State]int) error {
	r, err := decodeRow(id[:], sealed)
	if err != nil {
		return err
	}
	stored, err := s.stored(tx, id, r)
	if err != nil {
		return err
	}
	if state := stored.Publication.State; state != order.Published {
		unpublished[state]++
		return nil
	}
	var o struct {
		Currency string `json:"currency"`
		Total    int64  `json:"total"`
	}
	if err := json.Unmarshal(r.payload, &o); err != nil {
		return err
	}
	const quarter = 15 * time.Minute
	at := r.placedAt.UTC().Truncate(quarter)
	q := quarters[at.Unix()]
	if q == nil {
		q = &order.DigestQuarter{Starts: at, Revenue: map[string]*big.Int{}}
		quarters[at.Unix()] = q
	}
	if q.Revenue[o.Currency] == nil {
		q.Revenue[o.Currency] = new(big.Int)
	}
	q.Count++
	q.Revenue[o.Currency].Add(q.Revenue[o.Currency], big.NewInt(o.Total))
	q.Digest = q.Digest.Plus(setdigest.Of(id.String()))
	return nil
}

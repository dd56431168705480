package orderstore

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/outbox"
)

// State is what an order file has.
type State struct {
	Lineage  string
	LastSlot uint64 // the last one that was given
	Orders   int
}

// StateOf reads the state of a file that nobody else uses.
func StateOf(ctx context.Context, db *boltdb.DB) (s State, err error) {
	err = db.View(ctx, func(tx *bbolt.Tx) error {
		orders := tx.Bucket(ordersBucket)
		if orders == nil {
			return fmt.Errorf("%w: it has no orders", boltdb.ErrCorrupt)
		}
		s.Orders = orders.Stats().KeyN
		s.Lineage, s.LastSlot, err = outbox.StateOf(tx)
		return err
	})
	if err != nil {
		return State{}, fmt.Errorf("read the base: %w", err)
	}
	return s, nil
}

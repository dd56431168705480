package orderstore

import (
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/bbolt"

	"ordertally/shared/auth"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/recovery"
	"ordertally/shared/uuidv7"
)

// buckets are the buckets of the store.
func buckets() [][]byte {
	return [][]byte{ordersBucket, cancellationsBucket}
}

// Check is the boltdb.Checker of an order file. It checks each record, and whether the records that belong to it exist.
func Check(r *boltdb.Record) error {
	switch {
	case r.Key == nil:
		return complete(r.Tx)
	case r.Within(outbox.Root()) || len(r.Path) == 0 && string(r.Key) == string(outbox.Root()):
		if err := checkOutbox(r); !errors.Is(err, errRow) { // else the check of that row says so
			return err
		}
		return nil
	case r.Within(recovery.Root()) || len(r.Path) == 0 && string(r.Key) == string(recovery.Root()):
		return recovery.Check(r)
	case r.Within(indexesBucket) || len(r.Path) == 0 && string(r.Key) == string(indexesBucket):
		return indexChecker.Check(r)
	case r.Within([]byte(auth.Bucket)):
		return auth.CheckRecord(r)
	case len(r.Path) == 0:
		if !r.IsBucket ||
			string(r.Key) != auth.Bucket &&
				string(r.Key) != string(supersededBucket) &&
				!slices.ContainsFunc(buckets(), func(name []byte) bool { return string(name) == string(r.Key) }) {
			return errors.New("a file of the order service has nothing of that name")
		}
		if r.Sequence != 0 {
			return fmt.Errorf("its sequence is %d, and it has none", r.Sequence)
		}
		return nil
	case len(r.Path) != 1 || r.IsBucket:
		return errors.New("nothing belongs there")
	}
	if check := checks[string(r.Path[0])]; check != nil {
		return check(r)
	}
	_, err := codec.Unseal(r.Key, r.Value)
	return err
}

// complete reports what the file as a whole lacks.
func complete(tx *bbolt.Tx) error {
	if err := Format.Check(tx); err != nil {
		return err
	}
	if tx.Bucket(ordersBucket) == nil && tx.Bucket(outbox.Root()) == nil {
		return nil // the file was made for API keys, before the first start
	}
	for _, name := range append(buckets(), indexesBucket, outbox.Root()) {
		if tx.Bucket(name) == nil {
			return fmt.Errorf("it has no %s", name)
		}
	}
	return nil
}

var checkOutbox = outbox.Checker(Content)

// checks has the check of a record, by bucket.
var checks = map[string]func(*boltdb.Record) error{
	string(ordersBucket):        checkOrder,
	string(supersededBucket):    checkID,
	string(cancellationsBucket): checkCancellation,
}

func checkOrder(r *boltdb.Record) error {
	id, err := idOf(r, r.Key)
	if err != nil {
		return err
	}
	row, err := decodeRow(r.Key, r.Value)
	if err != nil {
		return err
	}
	if _, err := row.order(id); err != nil {
		return err
	}
	if r.Tx == nil {
		return nil
	}
	return checkMessage(r, row.message)
}

func checkCancellation(r *boltdb.Record) error {
	id, err := idOf(r, r.Key)
	if err != nil {
		return err
	}
	c, err := decodeCancellation(r.Key, r.Value)
	if err != nil || r.Tx == nil {
		return err
	}
	if r.Tx.Bucket(ordersBucket).Get(id[:]) == nil {
		return fmt.Errorf("%w: the order is missing", boltdb.ErrCorrupt)
	}
	return checkMessage(r, c.message)
}

func checkMessage(r *boltdb.Record, m message) error {
	known, err := outbox.Knows(r.Tx, m.slot)
	if err == nil && !known {
		err = fmt.Errorf("%w: its message, slot %d, is missing", boltdb.ErrCorrupt, m.slot)
	}
	return err
}

func checkID(r *boltdb.Record) error {
	id, err := decodeID(r.Key, r.Value)
	if err != nil || r.Tx == nil {
		return err
	}
	if r.Tx.Bucket(ordersBucket).Get(id[:]) == nil {
		return fmt.Errorf("%w: its order %s is missing", boltdb.ErrCorrupt, id)
	}
	return nil
}

// idOf reads an order's id and names the record after it.
func idOf(r *boltdb.Record, key []byte) (uuidv7.ID, error) {
	if len(key) != len(uuidv7.ID{}) {
		return uuidv7.ID{}, fmt.Errorf("%w: the key of an order has %d bytes", boltdb.ErrCorrupt, len(key))
	}
	id := uuidv7.ID(key)
	r.Name = "order " + id.String()
	return id, nil
}

package orderstore

import (
	"errors"
	"fmt"
	"slices"

	"ordertally/shared/auth"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/event"
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
	err := check(r)
	if err != nil && r.Name == "" && len(r.Key) == len(uuidv7.ID{}) && (r.In(ordersBucket) ||
		r.In(cancellationsBucket)) {
		r.Name = "order " + uuidv7.ID(r.Key).String()
	}
	return err
}

func check(r *boltdb.Record) error {
	switch {
	case r.End:
		return checkingOf(r).end(r)
	case r.Key == nil:
		return complete(r)
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
func complete(r *boltdb.Record) error {
	tx := r.Tx
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
	if r.Begin {
		return checkingOf(r).begin(tx)
	}
	return nil
}

var checkOutbox = outbox.Checker(checkStored)

// checkStored checks the message that stands in the row of an order or a cancellation.
func checkStored(r *boltdb.Record, s *outbox.Stored) error {
	if s.Type != event.TypeCreated {
		m := outbox.Message{ID: s.ID, Key: s.Key, Type: s.Type}
		if err := Content(r.Tx, &m); err != nil {
			return err
		}
		return s.Is(m.ID, m.Value)
	}
	id, err := uuidv7.Parse(string(s.Key))
	if err != nil {
		return fmt.Errorf("%w: its key is no id of an order", codec.ErrCorrupt)
	}
	sealed := r.Get(id[:], ordersBucket)
	if sealed == nil {
		return fmt.Errorf("%w: its order %s is missing", codec.ErrCorrupt, id)
	}
	row, err := decodeRow(id[:], sealed)
	if err != nil {
		return fmt.Errorf("order %s: %w: %w", id, errRow, err)
	}
	payload, err := checkingOf(r).encode(id, &row)
	if err != nil {
		return fmt.Errorf("order %s: %w", id, err)
	}
	return s.Is(row.message.id, payload)
}

// checks has the check of a record, by bucket.
var checks = map[string]func(*boltdb.Record) error{
	string(ordersBucket):        checkOrder,
	string(supersededBucket):    checkID,
	string(cancellationsBucket): checkCancellation,
}

func checkOrder(r *boltdb.Record) error {
	id, err := idOf(r.Key)
	if err != nil {
		return err
	}
	row, err := decodeRow(r.Key, r.Value)
	if err != nil {
		return err
	}
	if err := checkingOf(r).checkContent(id, &row); err != nil {
		return err
	}
	if r.Tx == nil {
		return nil
	}
	return checkMessage(r, row.message)
}

func checkCancellation(r *boltdb.Record) error {
	id, err := idOf(r.Key)
	if err != nil {
		return err
	}
	c, err := decodeCancellation(r.Key, r.Value)
	if err != nil || r.Tx == nil {
		return err
	}
	if r.Get(id[:], ordersBucket) == nil {
		return fmt.Errorf("%w: the order is missing", boltdb.ErrCorrupt)
	}
	return checkMessage(r, c.message)
}

func checkMessage(r *boltdb.Record, m message) error {
	known, err := outbox.Knows(r, m.slot)
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
	if r.Get(id[:], ordersBucket) == nil {
		return fmt.Errorf("%w: its order %s is missing", boltdb.ErrCorrupt, id)
	}
	return nil
}

// idOf reads an order's id.
func idOf(key []byte) (uuidv7.ID, error) {
	if len(key) != len(uuidv7.ID{}) {
		return uuidv7.ID{}, fmt.Errorf("%w: the key of an order has %d bytes", boltdb.ErrCorrupt, len(key))
	}
	return uuidv7.ID(key), nil
}

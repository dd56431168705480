package orderstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
)

// Mend makes the messages of a damaged file's copy whole, before anything is added to it. A message that could not be
// read is made again out of the row of its order, if that could be read. Mend says what it did.
func Mend(ctx context.Context, db *boltdb.DB) (did []string, err error) {
	err = db.Write(ctx, func(tx *boltdb.Tx) error {
		did = nil
		for _, name := range buckets() {
			if _, err := tx.CreateBucketIfNotExists(name); err != nil {
				return err
			}
		}
		done, err := outbox.Mend(tx)
		if err != nil {
			return err
		}
		again, err := messagesAgain(tx)
		var lost uint64
		for _, run := range done.Lost {
			lost += run.Slots()
		}
		for _, d := range []struct {
			n    int
			text string
		}{
			{int(lost), "messages could not be read"},
			{again, "messages were made again out of the rows of their orders"},
			{done.Unsure, "messages lost the record of why they wait, and are tried again"},
		} {
			if d.n > 0 {
				did = append(did, fmt.Sprintf("%d %s", d.n, d.text))
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("mend the base: %w", err)
	}
	return did, nil
}

// messagesAgain makes the missing messages of orders and cancellations. It returns how many.
func messagesAgain(tx *boltdb.Tx) (n int, err error) {
	err = tx.Bucket(ordersBucket).ForEach(func(key, sealed []byte) error {
		r, err := decodeRow(key, sealed)
		if err != nil {
			return err
		}
		id := uuidv7.ID(key)
		payload := bytes.Clone(r.payload)
		missing, err := outbox.Restore(tx, r.message.slot, madeAt(r.message.id), outbox.Message{
			ID: r.message.id, Key: []byte(id.String()), Type: r.message.kind, Subject: id.String(),
			Schema: event.SchemaCreated, ContentType: event.ContentType, Time: r.placedAt,
			Headers: headersOf(r.key, r.hash, cloudevent.Trace{}), Value: payload,
		})
		if missing {
			n++
		}
		if err != nil {
			return err
		}
		c, err := readCancellation(tx.Tx, id)
		if c == nil || err != nil {
			return err
		}
		missing, err = cancellationAgain(tx, id, c, payload)
		if missing {
			n++
		}
		return err
	})
	return n, err
}

func cancellationAgain(tx *boltdb.Tx, id uuidv7.ID, c *cancellation, payload []byte) (missing bool, err error) {
	if known, err := outbox.Knows(tx.Tx, c.message.slot); known || err != nil {
		return false, err
	}
	placed, err := event.Decode(payload)
	if err != nil {
		return false, err
	}
	return outbox.Restore(tx, c.message.slot, madeAt(c.message.id), outbox.Message{
		ID: c.message.id, Key: []byte(id.String()), Type: c.message.kind, Subject: id.String(),
		Schema: event.SchemaCancelled, ContentType: event.ContentType, Time: c.At,
		Value: event.EncodeCancellation(&event.Cancellation{
			OrderID: placed.ID, Reason: c.Reason, CancelledAt: c.At, PlacedAt: placed.PlacedAt,
			Currency: placed.Currency, Total: placed.Total, Lines: placed.Lines,
		}),
	})
}

// Reindex completes the indexes of a damaged file's copy, after everything was added to it. Entries of orders that are
// missing are dropped, and those of orders that are there are made. Keys used before keysAge are left out.
func Reindex(ctx context.Context, db *boltdb.DB, keysAge time.Time) error {
	var again indexing
	err := db.Write(ctx, func(tx *boltdb.Tx) error {
		again = indexing{}
		if err := dropDangling(tx); err != nil {
			return err
		}
		return tx.Bucket(ordersBucket).ForEach(func(key, sealed []byte) error {
			r, err := decodeRow(key, sealed)
			if err != nil {
				return err
			}
			var o struct {
				Source     string `json:"source"`
				Reference  string `json:"reference"`
				CustomerID string `json:"customer_id"`
			}
			if err := json.Unmarshal(r.payload, &o); err != nil {
				return err
			}
			id := uuidv7.ID(key)
			again.order(id, o.CustomerID, o.Source, o.Reference)
			if !r.key.IsZero() && !madeAt(id).Before(keysAge) && tx.Bucket(keysBucket).Get(r.key[:]) == nil {
				again.key(r.key, id)
			}
			return nil
		})
	})
	if err == nil {
		_, _, err = again.store(ctx, db)
	}
	if err != nil {
		return fmt.Errorf("mend the base: %w", err)
	}
	return nil
}

// dropDangling drops what refers to orders or keys that are missing.
func dropDangling(tx *boltdb.Tx) error {
	orders, keys := tx.Bucket(ordersBucket), tx.Bucket(keysBucket)
	noID := func(key, value []byte) bool {
		id, err := decodeID(key, value)
		return err == nil && orders.Get(id[:]) == nil
	}
	notIndexed := func(key, _ []byte) bool {
		return len(key) < len(uuidv7.ID{}) || orders.Get(key[len(key)-len(uuidv7.ID{}):]) == nil
	}
	var orphans int
	err := errors.Join(orphaned(tx, tx.Bucket(cancellationsBucket), &orphans), drop(keys, noID),
		drop(tx.Bucket(sourcesBucket), noID),
		drop(tx.Bucket(customersBucket), notIndexed), drop(tx.Bucket(referencesBucket), notIndexed))
	if err != nil {
		return err
	}
	return drop(tx.Bucket(keyAgesBucket), func(key, value []byte) bool {
		used, err := codec.Unseal(key, value)
		return err == nil && keys.Get(used) == nil
	})
}

func drop(bucket *bbolt.Bucket, gone func(key, value []byte) bool) error {
	var keys [][]byte
	cursor := bucket.Cursor()
	for key, value := cursor.First(); key != nil; key, value = cursor.Next() {
		if gone(key, value) {
			keys = append(keys, bytes.Clone(key))
		}
	}
	for _, key := range keys {
		if err := bucket.Delete(key); err != nil {
			return err
		}
	}
	return nil
}

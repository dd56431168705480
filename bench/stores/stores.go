// Package stores has the product's store and its peers behind one interface. Each keeps the same records of an order,
// in one transaction that is on the disk when Place returns:
//
//	order     its id -> its payload
//	message   its number -> the message's id, its headers and the payload, as an outbox has it
//	key       the hash of the idempotency key -> the order's id
//	customer  customer and order's id -> nothing
//
// Each looks the key up first, as a service must that answers a repeated request.
package stores

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"ordertally/bench/sample"
)

// Store places orders. It is safe for concurrent use.
type Store interface {
	// Place stores order n of package sample. It returns when the order is on the disk.
	Place(ctx context.Context, n int64) error
	// Count returns how many orders are stored.
	Count() (int64, error)
	Close() error
}

// errRepeated says that a key is known. No benchmark repeats one.
var errRepeated = errors.New("the idempotency key is known")

// records are what a peer stores of an order.
type records struct {
	id, payload, number, message, key, keyValue, customer []byte
}

// headers stand for a message's other headers: type, trace and idempotency key.
var headers = bytes.Repeat([]byte("h"), 96)

func recordsOf(n int64) *records {
	id := make([]byte, 16)
	copy(id, "\x01\x9a\x00\x00")
	binary.BigEndian.PutUint64(id[8:], uint64(n)) //nolint:gosec // it is not negative
	payload := sample.Payload(n)
	message := make([]byte, 0, 16+len(headers)+len(payload))
	message = append(append(append(message, id...), headers...), payload...)
	key := sample.KeyHash(n)
	return &records{
		id: id, payload: payload, number: id[8:], message: message, key: key[:], keyValue: id,
		customer: append(append([]byte(sample.Customer(n)), 0), id...),
	}
}

func stored(err error) error {
	if err != nil {
		return fmt.Errorf("place order: %w", err)
	}
	return nil
}

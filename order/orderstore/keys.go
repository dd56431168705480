package orderstore

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/service/lifecycle"
	"ordertally/shared/uuidv7"
)

// Idempotency keys are stored under their hashes, in random places. A second bucket finds the old ones. It is only
// appended to, because ids grow and begin with their time. A key that placed an order is there under the order's id. A
// key that was answered with another request's order is there under an id made at that moment.

const (
	// forgetKeys bounds one step, because each key may cost the commit a page.
	forgetKeys = 64
	// forgetPause is the pause between two steps while there is more to forget. forgetIdle is the pause when there is
	// not.
	forgetPause = 10 * time.Millisecond
	forgetIdle  = 10 * time.Second
)

// putKey stores the use of a key for an order. The id used holds the time of the use.
func putKey(tx *boltdb.Tx, key order.KeyHash, used, id uuidv7.ID) error {
	if err := tx.Bucket(keysBucket).Put(key[:], codec.Seal(key[:], id[:])); err != nil {
		return err
	}
	ages := tx.Bucket(keyAgesBucket)
	ages.FillPercent = tailFill
	return ages.Put(used[:], codec.Seal(used[:], key[:]))
}

// agedKey is an idempotency key and the time of its first use.
type agedKey struct {
	used uuidv7.ID
	key  []byte
}

// ForgetKeys forgets idempotency keys whose first use is longer ago than retention, until ctx ends. It forgets a few at
// a time, in transactions that share their commit with placements. A retention of 0 keeps keys for ever.
func (s *Store) ForgetKeys(ctx context.Context, retention time.Duration, logger zerolog.Logger) error {
	if retention <= 0 {
		return nil
	}
	tick := time.NewTimer(forgetPause)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		s.forgetting.Step()
		n, err := s.forget(ctx, s.clock.Now().Add(-retention))
		s.forgetting.Rest()
		if err != nil && ctx.Err() == nil {
			logger.Error().Err(err).Msg("idempotency keys are not forgotten: the file grows; tried again later")
		}
		if n == forgetKeys {
			tick.Reset(forgetPause)
		} else {
			tick.Reset(forgetIdle)
		}
	}
}

// Forgetting is the watchdog of ForgetKeys.
func (s *Store) Forgetting() *lifecycle.Watchdog { return &s.forgetting }

// forget forgets at most forgetKeys keys that were first used before a time. It returns how many.
func (s *Store) forget(ctx context.Context, before time.Time) (int, error) {
	var old []agedKey
	err := s.db.View(ctx, func(tx *bbolt.Tx) error {
		cursor := tx.Bucket(keyAgesBucket).Cursor()
		for k, sealed := cursor.First(); k != nil && len(old) < forgetKeys; k, sealed = cursor.Next() {
			key, err := codec.Unseal(k, sealed)
			if err != nil {
				return fmt.Errorf("read the idempotency key that was used at %x: %w", k, err)
			}
			if !madeAt(uuidv7.ID(k)).Before(before) {
				break
			}
			old = append(old, agedKey{used: uuidv7.ID(k), key: bytes.Clone(key)})
		}
		return nil
	})
	if err != nil || len(old) == 0 {
		return 0, err
	}
	err = s.db.Write(ctx, func(tx *boltdb.Tx) error {
		keys, ages := tx.Bucket(keysBucket), tx.Bucket(keyAgesBucket)
		for i := range old {
			if err := ages.Delete(old[i].used[:]); err != nil {
				return err
			}
			if err := keys.Delete(old[i].key); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("forget idempotency keys: %w", err)
	}
	return len(old), nil
}

// madeAt returns when an id was made, to the millisecond.
func madeAt(id uuidv7.ID) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(id[:]) >> 16))
}

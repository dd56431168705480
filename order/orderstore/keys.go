package orderstore

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/boltdb/runs"
	"ordertally/shared/service/lifecycle"
	"ordertally/shared/uuidv7"
)

// KeepKeys sets how long an idempotency key is known from its first use. 0, as before the call, means for ever. Call it
// before Maintain.
func (s *Store) KeepKeys(retention time.Duration) { s.retention.Store(int64(retention)) }

// Maintain keeps the indexes small and quick until ctx ends: see runs.Set.Maintain. A key that is not known any more
// leaves the file a tenth of the retention later, and no sooner than the part of the log that it stands in is full.
func (s *Store) Maintain(ctx context.Context, logger zerolog.Logger) error {
	return s.indexes.Maintain(ctx, runs.Retention{Keep: s.keyRetention(), Now: s.clock.Now}, logger)
}

// keyRetention returns how long a key is known, or 0.
func (s *Store) keyRetention() time.Duration { return time.Duration(s.retention.Load()) }

// Maintaining is the watchdog of Maintain.
func (s *Store) Maintaining() *lifecycle.Watchdog { return s.indexes.Watchdog() }

// madeAt returns when an id was made, to the millisecond.
func madeAt(id uuidv7.ID) time.Time {
	return time.UnixMilli(int64(binary.BigEndian.Uint64(id[:]) >> 16))
}

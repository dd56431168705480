package stores

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/cockroachdb/pebble/v2"
)

// pebbleStore stores in Pebble, an LSM tree. Its write-ahead log syncs once for the batches that wait.
type pebbleStore struct {
	db   *pebble.DB
	once bool
}

// Prefixes of the four kinds of keys.
const (
	pebbleOrder    = 'o'
	pebbleMessage  = 'm'
	pebbleKey      = 'k'
	pebbleCustomer = 'c'
)

// OpenPebble makes a Pebble store in dir. Its memtable is larger than by default, as for a service that mostly writes.
func OpenPebble(_ context.Context, dir string) (Store, error) { return openPebble(dir, false) }

// OpenPebbleOnce is OpenPebble with messages that hold no payload. A relay would read it from the order.
func OpenPebbleOnce(_ context.Context, dir string) (Store, error) { return openPebble(dir, true) }

func openPebble(dir string, once bool) (Store, error) {
	db, err := pebble.Open(filepath.Join(dir, "pebble"), &pebble.Options{
		MemTableSize: 64 << 20, MemTableStopWritesThreshold: 4, Logger: silent{},
	})
	return &pebbleStore{db, once}, err
}

func (s *pebbleStore) Place(_ context.Context, n int64) error {
	r := recordsOf(n)
	key := prefixed(pebbleKey, r.key)
	_, closer, err := s.db.Get(key)
	if err == nil {
		return errors.Join(stored(errRepeated), closer.Close())
	}
	if !errors.Is(err, pebble.ErrNotFound) {
		return stored(err)
	}
	message := r.message
	if s.once {
		message = message[:16+len(headers)]
	}
	batch := s.db.NewBatch()
	_ = batch.Set(prefixed(pebbleOrder, r.id), r.payload, nil) // into memory
	_ = batch.Set(prefixed(pebbleMessage, r.number), message, nil)
	_ = batch.Set(key, r.keyValue, nil)
	_ = batch.Set(prefixed(pebbleCustomer, r.customer), nil, nil)
	return stored(errors.Join(batch.Commit(pebble.Sync), batch.Close()))
}

func (s *pebbleStore) Count() (n int64, err error) {
	all, err := s.db.NewIter(&pebble.IterOptions{LowerBound: []byte{pebbleOrder}, UpperBound: []byte{pebbleOrder + 1}})
	if err != nil {
		return 0, err
	}
	for all.First(); all.Valid(); all.Next() {
		n++
	}
	return n, all.Close()
}

func (s *pebbleStore) Close() error { return s.db.Close() }

func prefixed(prefix byte, key []byte) []byte { return append([]byte{prefix}, key...) }

// silent logs nothing. Fatalf must not return.
type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(format string, _ ...any) {
	panic("pebble: " + format)
}

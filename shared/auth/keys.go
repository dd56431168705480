package auth

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
)

// Bucket is where a service's file keeps its API keys: id -> JSON, sealed.
const Bucket = "api-keys"

var bucket = []byte(Bucket)

// ErrNoKey says that no key has that id.
var ErrNoKey = errors.New("no key has that id")

// lastUseEvery is how often the times of last use are written to the file.
const lastUseEvery = time.Minute

// Keys are the API keys of one service. They are read once: keys are made and revoked while the service is stopped, in the file
// that it then opens. Safe for concurrent use.
type Keys struct {
	db    *boltdb.DB
	clock clock.Clock
	byID  map[string]*held
}

// held is a key in memory.
type held struct {
	stored
	caller  *Caller
	lastUse atomic.Int64 // Unix seconds; 0 for never
}

func newHeld(key stored) *held {
	h := &held{stored: key, caller: newCaller("key", key.Name, key.Scopes)}
	h.caller.Until = key.ExpiresAt
	return h
}

// OpenKeys reads the keys in db. A file without any stays as it is.
func OpenKeys(ctx context.Context, db *boltdb.DB, c clock.Clock) (*Keys, error) {
	k := &Keys{db: db, clock: c, byID: make(map[string]*held)}
	err := db.View(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucket)
		if b == nil {
			return nil
		}
		return b.ForEach(func(id, sealed []byte) error {
			key, err := decodeKey(id, sealed)
			if err != nil {
				return err
			}
			h := newHeld(key)
			if !key.LastUse.IsZero() {
				h.lastUse.Store(key.LastUse.Unix())
			}
			k.byID[key.ID] = h
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read API keys: %w", err)
	}
	return k, nil
}

func decodeKey(id, sealed []byte) (stored, error) {
	text, err := boltdb.Unseal(id, sealed)
	if err != nil {
		return stored{}, err
	}
	var key stored
	if err := json.Unmarshal(text, &key); err != nil {
		return stored{}, fmt.Errorf("key %q: %w", id, err)
	}
	return key, nil
}

func (k *Keys) write(ctx context.Context, keys ...stored) error {
	return k.db.Write(ctx, func(tx *boltdb.Tx) error {
		b, err := tx.CreateBucketIfNotExists(bucket)
		if err != nil {
			return err
		}
		for i := range keys {
			text, err := json.Marshal(keys[i])
			if err != nil {
				return err
			}
			id := []byte(keys[i].ID)
			if err := b.Put(id, boltdb.Seal(id, text)); err != nil {
				return err
			}
		}
		return nil
	})
}

// New makes a key and returns the credential, which is stored nowhere. A zero expires means never.
func (k *Keys) New(ctx context.Context, name string, scopes []string, expires time.Time) (Key, string, error) {
	key, credential, err := newKey(name, scopes, k.clock.Now(), expires)
	if err != nil {
		return Key{}, "", err
	}
	if err := k.write(ctx, key); err != nil {
		return Key{}, "", fmt.Errorf("store the key: %w", err)
	}
	k.byID[key.ID] = newHeld(key)
	return key.Key, credential, nil
}

// Revoke makes a key useless for ever. It stays in the list. The error may be ErrNoKey.
func (k *Keys) Revoke(ctx context.Context, id string) (Key, error) {
	h := k.byID[id]
	if h == nil {
		return Key{}, ErrNoKey
	}
	if h.RevokedAt.IsZero() {
		revoked := h.snapshot()
		revoked.RevokedAt = k.clock.Now().UTC().Truncate(time.Second)
		if err := k.write(ctx, revoked); err != nil {
			return Key{}, fmt.Errorf("revoke key %s: %w", id, err)
		}
		h.stored = revoked
	}
	return h.Key, nil
}

// List returns all keys, the oldest first.
func (k *Keys) List() []Key {
	list := make([]Key, 0, len(k.byID))
	for _, h := range k.byID {
		list = append(list, h.snapshot().Key)
	}
	slices.SortFunc(list, func(a, b Key) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return list
}

// Any reports whether there is a key, be it expired or revoked: who revokes the last one does not mean to let everybody in.
func (k *Keys) Any() bool { return len(k.byID) > 0 }

func (h *held) snapshot() stored {
	s := h.stored
	if used := h.lastUse.Load(); used > 0 {
		s.LastUse = time.Unix(used, 0).UTC()
	}
	return s
}

// nobody stands in for a key that does not exist, so that looking for one takes as long as finding one.
var nobody = &held{stored: stored{Hash: "0000000000000000000000000000000000000000000000000000000000000000"}}

// authenticate returns the caller whose key it is. The error says, to the caller, why it is refused.
func (k *Keys) authenticate(id, secret string) (*Caller, error) {
	h := k.byID[id]
	if h == nil {
		h = nobody
	}
	if !h.matches(secret) || h == nobody {
		return nil, errors.New("the API key is not known")
	}
	now := k.clock.Now()
	if state := h.State(now); state != "active" {
		return nil, errors.New("the API key is " + state)
	}
	h.lastUse.Store(now.Unix())
	return h.caller, nil
}

// Run writes down, about once a minute and when ctx ends, when keys were last used.
func (k *Keys) Run(ctx context.Context, logger zerolog.Logger) error {
	tick := time.NewTicker(lastUseEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			k.saveLastUse(context.WithoutCancel(ctx), logger)
			return nil
		}
		k.saveLastUse(ctx, logger)
	}
}

func (k *Keys) saveLastUse(ctx context.Context, logger zerolog.Logger) {
	var used []*held
	var changed []stored
	for _, h := range k.byID {
		if now := h.snapshot(); !now.LastUse.Equal(h.LastUse) {
			used, changed = append(used, h), append(changed, now)
		}
	}
	if len(changed) == 0 {
		return
	}
	if err := k.write(ctx, changed...); err != nil {
		logger.Warn().Err(err).Msg("when API keys were last used is not written down; tried again in a minute")
		return
	}
	for i, h := range used {
		h.LastUse = changed[i].LastUse
	}
}

package auth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/clock"
)

// Bucket holds the API keys in a service's file: id -> sealed JSON.
const Bucket = "api-keys"

var bucket = []byte(Bucket)

var (
	// ErrNoKey says that no key has that id.
	ErrNoKey = errors.New("no key has that id")
	// ErrRevoked says that the caller's key was revoked.
	ErrRevoked = errRevoked
	// ErrTooManyKeys says that there are MaxKeys valid keys already.
	ErrTooManyKeys = fmt.Errorf(
		"there are %d valid keys, which is the maximum: revoke those that nobody needs",
		MaxKeys,
	)
)

// MaxKeys is the maximum number of keys of a service. At the limit, making a key forgets the oldest revoked or expired
// one.
const MaxKeys = 1000

// lastUseEvery is how often last uses are written to the file.
const lastUseEvery = time.Minute

// Keys are the API keys of one service. They are in memory, and follow each commit that changes them. A request reads
// nothing from the disk, and is refused if it begins after its key was revoked. Keys are safe for concurrent use. The
// zero Keys has no key and can make none.
type Keys struct {
	db    *boltdb.DB
	clock clock.Clock
	// The map is never changed. The committer replaces it after a commit.
	byID atomic.Pointer[map[string]*held]
}

// held is a key in memory. Only the time of its last use changes.
type held struct {
	Key
	digest  [sha256.Size]byte // of the secret
	caller  *Caller
	lastUse *atomic.Int64 // Unix seconds; 0 for never
	saved   *atomic.Int64 // lastUse as it is in the file
}

// hold returns the in-memory form of a record. before is that of the same key until now, or nil.
func hold(record *stored, before *held) (*held, error) {
	h := &held{Key: record.Key}
	digest, err := hex.DecodeString(record.Hash)
	if err != nil || copy(h.digest[:], digest) != sha256.Size || len(digest) != sha256.Size {
		return nil, fmt.Errorf("%w: key %s has no digest", boltdb.ErrCorrupt, record.ID)
	}
	if before != nil {
		h.caller, h.lastUse, h.saved = before.caller, before.lastUse, before.saved
		return h, nil
	}
	h.caller = newCaller("key", record.Name, record.Scopes)
	h.caller.key, h.caller.Until, h.caller.revoked = record.ID, record.ExpiresAt, make(chan struct{})
	h.lastUse, h.saved = new(atomic.Int64), new(atomic.Int64)
	if !record.LastUse.IsZero() {
		h.lastUse.Store(record.LastUse.Unix())
		h.saved.Store(record.LastUse.Unix())
	}
	return h, nil
}

// OpenKeys reads the keys in db. It changes nothing in the file.
func OpenKeys(ctx context.Context, db *boltdb.DB, c clock.Clock) (*Keys, error) {
	k := &Keys{db: db, clock: c}
	byID := make(map[string]*held)
	err := db.View(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucket)
		if b == nil {
			return nil
		}
		return b.ForEach(func(id, sealed []byte) error {
			record, err := decodeKey(id, sealed)
			if err != nil {
				return err
			}
			byID[record.ID], err = hold(&record, nil)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read API keys: %w", err)
	}
	k.byID.Store(&byID)
	return k, nil
}

// all returns the keys as they are now. The map must not be changed.
func (k *Keys) all() map[string]*held {
	if byID := k.byID.Load(); byID != nil {
		return *byID
	}
	return nil
}

func decodeKey(id, sealed []byte) (stored, error) {
	text, err := codec.Unseal(id, sealed)
	if err != nil {
		return stored{}, err
	}
	var key stored
	if err := json.Unmarshal(text, &key); err != nil {
		return stored{}, fmt.Errorf("key %q: %w", id, err)
	}
	return key, nil
}

// CheckRecord is a boltdb.Checker for Bucket.
func CheckRecord(r *boltdb.Record) error {
	if r.IsBucket {
		if len(r.Path) > 0 {
			return errors.New("no bucket belongs there")
		}
		return nil
	}
	_, err := decodeKey(r.Key, r.Value)
	return err
}

func putKey(b *bbolt.Bucket, record *stored) error {
	text, err := json.Marshal(record)
	if err != nil {
		return err
	}
	id := []byte(record.ID)
	return b.Put(id, codec.Seal(id, text))
}

// follow applies tx to the keys in memory after its commit: record is put, forgotten are removed.
func (k *Keys) follow(tx *boltdb.Tx, record *stored, forgotten ...string) error {
	fresh, err := hold(record, k.all()[record.ID])
	if err != nil {
		return err
	}
	tx.AfterCommit(func() {
		byID := maps.Clone(k.all())
		byID[record.ID] = fresh
		for _, id := range forgotten {
			delete(byID, id)
		}
		k.byID.Store(&byID)
		if !record.RevokedAt.IsZero() {
			fresh.caller.revoke()
		}
	})
	return nil
}

// New makes a key in the file of a stopped service and returns the credential, which is stored nowhere. A zero expires
// means never.
func (k *Keys) New(ctx context.Context, name string, scopes []string, expires time.Time) (Key, string, error) {
	return k.NewBy(ctx, Anonymous, name, scopes, expires)
}

// NewBy makes a key for a caller of a running service. It does not check the caller's scopes. The error may be
// ErrTooManyKeys, or ErrRevoked if the caller's own key was revoked meanwhile.
func (k *Keys) NewBy(
	ctx context.Context,
	by *Caller,
	name string,
	scopes []string,
	expires time.Time,
) (Key, string, error) {
	record, credential, err := newKey(name, scopes, k.clock.Now(), expires)
	if err != nil {
		return Key{}, "", err
	}
	record.CreatedBy = by.Actor()
	err = k.db.Write(ctx, func(tx *boltdb.Tx) error {
		b, err := tx.CreateBucketIfNotExists(bucket)
		if err != nil {
			return err
		}
		if err := stillGood(b, by); err != nil {
			return err
		}
		forgotten, err := k.makeRoom(b)
		if err != nil {
			return err
		}
		if err := putKey(b, &record); err != nil {
			return err
		}
		return k.follow(tx, &record, forgotten...)
	})
	if err != nil {
		return Key{}, "", fmt.Errorf("store the key: %w", err)
	}
	return record.Key, credential, nil
}

// makeRoom deletes the oldest revoked or expired keys if there are too many, and returns their ids.
func (k *Keys) makeRoom(b *bbolt.Bucket) (forgotten []string, err error) {
	count := 0
	if err := b.ForEach(func([]byte, []byte) error { count++; return nil }); err != nil || count < MaxKeys {
		return nil, err
	}
	var useless []Key // revoked or expired
	now := k.clock.Now()
	err = b.ForEach(func(id, sealed []byte) error {
		record, err := decodeKey(id, sealed)
		if err == nil && record.State(now) != "active" {
			useless = append(useless, record.Key)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(useless, byAge)
	for ; count >= MaxKeys; count-- {
		if len(forgotten) == len(useless) {
			return nil, boltdb.Refuse(ErrTooManyKeys)
		}
		id := useless[len(forgotten)].ID
		if err := b.Delete([]byte(id)); err != nil {
			return nil, err
		}
		forgotten = append(forgotten, id)
	}
	return forgotten, nil
}

// Revoke revokes a key for ever, in the file of a stopped service. The key stays in the list. The error may be
// ErrNoKey.
func (k *Keys) Revoke(ctx context.Context, id string) (Key, error) { return k.RevokeBy(ctx, "", id) }

// stillGood checks in the file that the caller's key is not revoked, so that a revoked key makes no other. It sees even
// a revocation in the same commit.
func stillGood(b *bbolt.Bucket, by *Caller) error {
	if by.key == "" {
		return nil
	}
	sealed := b.Get([]byte(by.key))
	if sealed == nil {
		return boltdb.Refuse(ErrRevoked)
	}
	record, err := decodeKey([]byte(by.key), sealed)
	if err == nil && !record.RevokedAt.IsZero() {
		err = ErrRevoked
	}
	if err != nil {
		return boltdb.Refuse(err)
	}
	return nil
}

// RevokeBy revokes a key as Revoke does. The operator is an Actor. A key that is revoked already stays as it is. Once
// it returns, the key is refused and its caller's live streams are told to end.
func (k *Keys) RevokeBy(ctx context.Context, operator, id string) (Key, error) {
	if k.all()[id] == nil {
		return Key{}, ErrNoKey
	}
	var record stored
	err := k.db.Write(ctx, func(tx *boltdb.Tx) error {
		b := tx.Bucket(bucket)
		sealed := b.Get([]byte(id))
		if sealed == nil { // deleted meanwhile
			return boltdb.Refuse(ErrNoKey)
		}
		var err error
		if record, err = decodeKey([]byte(id), sealed); err != nil || !record.RevokedAt.IsZero() {
			return boltdb.Refuse(err)
		}
		record.RevokedAt, record.RevokedBy = k.clock.Now().UTC().Truncate(time.Second), operator
		if err := putKey(b, &record); err != nil {
			return err
		}
		return k.follow(tx, &record)
	})
	if err != nil {
		return Key{}, fmt.Errorf("revoke key %s: %w", id, err)
	}
	return record.Key, nil
}

// Now returns the time by which keys expire.
func (k *Keys) Now() time.Time {
	if k.clock == nil {
		return time.Now()
	}
	return k.clock.Now()
}

// List returns all keys, the oldest first.
func (k *Keys) List() []Key {
	list := make([]Key, 0, len(k.all()))
	for _, h := range k.all() {
		list = append(list, h.now())
	}
	slices.SortFunc(list, byAge)
	return list
}

func byAge(a, b Key) int { return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID)) }

// Any reports whether there is a key, even an expired or revoked one. Whoever revokes the last key does not mean to let
// in everybody.
func (k *Keys) Any() bool { return len(k.all()) > 0 }

// now returns the key with its last use.
func (h *held) now() Key {
	key := h.Key
	if used := h.lastUse.Load(); used > 0 {
		key.LastUse = time.Unix(used, 0).UTC()
	}
	return key
}

// matches compares digests in constant time.
func (h *held) matches(secret string) bool {
	digest := sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(digest[:], h.digest[:]) == 1
}

// nobody stands in for an unknown key, so that refusing it takes as long as checking a known one.
var nobody = &held{}

// authenticate returns the caller with that key. The error tells the caller why the key is refused.
func (k *Keys) authenticate(id, secret string) (*Caller, error) {
	h := k.all()[id]
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

// Run writes the last uses of keys to the file about once a minute, and when ctx ends.
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
	used := make(map[*held]int64)
	for _, h := range k.all() {
		if at := h.lastUse.Load(); at != h.saved.Load() {
			used[h] = at
		}
	}
	if len(used) == 0 {
		return
	}
	err := k.db.Write(ctx, func(tx *boltdb.Tx) error {
		b := tx.Bucket(bucket)
		for h, at := range used {
			id := []byte(h.ID)
			sealed := b.Get(id)
			if sealed == nil { // deleted meanwhile
				continue
			}
			record, err := decodeKey(id, sealed) // it may have been revoked since
			if err != nil {
				return err
			}
			record.LastUse = time.Unix(at, 0).UTC()
			if err := putKey(b, &record); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		logger.Warn().Err(err).Msg("cannot write when API keys were last used; will try again in a minute")
		return
	}
	for h, at := range used {
		h.saved.Store(at)
	}
}

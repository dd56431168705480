package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"
)

// An API key is "ot_", an id of ten characters, "_" and a secret of 26 characters with 130 random bits. Scanners for
// leaked secrets find it by its prefix. A secret of that size needs no slow hash: it cannot be guessed from its
// SHA-256.
const (
	keyPrefix    = "ot_"
	keyIDLength  = 10
	secretLength = 26
)

// MaxName is the longest name of a key, in bytes.
const MaxName = 64

// Key is what is stored about an API key.
type Key struct {
	ID string `json:"id"`
	// Name is the caller's. Keys with the same name are one caller, so a new key can replace an old one.
	Name      string    `json:"name"`
	Scopes    []string  `json:"scopes"`
	CreatedAt time.Time `json:"created_at"`
	CreatedBy string    `json:"created_by,omitempty"` // an Actor; "" if made in the file of a stopped service
	ExpiresAt time.Time `json:"expires_at,omitzero"`  // zero for never
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	RevokedBy string    `json:"revoked_by,omitempty"`
	LastUse   time.Time `json:"last_used_at,omitzero"` // written once a minute
}

// State returns "active", "expired" or "revoked" at that time.
func (k *Key) State(now time.Time) string {
	switch {
	case !k.RevokedAt.IsZero():
		return "revoked"
	case !k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt):
		return "expired"
	}
	return "active"
}

// stored is a key's record in the file. It does not have the secret.
type stored struct {
	Key
	Hash string `json:"sha256"` // of the secret, hexadecimal
}

// newKey makes a key and the credential that its owner sends.
func newKey(name string, scopes []string, now, expires time.Time) (stored, string, error) {
	if err := CheckName(name); err != nil {
		return stored{}, "", err
	}
	if err := CheckScopes(scopes); err != nil {
		return stored{}, "", err
	}
	if !expires.IsZero() && !expires.After(now) {
		return stored{}, "", errors.New("the key would be expired already")
	}
	id, secret := strings.ToLower(rand.Text()[:keyIDLength]), strings.ToLower(rand.Text())
	key := Key{ID: id, Name: name, Scopes: scopes, CreatedAt: now.UTC().Truncate(time.Second),
		ExpiresAt: expires.UTC().Truncate(time.Second)}
	hash := sha256.Sum256([]byte(secret))
	return stored{Key: key, Hash: hex.EncodeToString(hash[:])}, keyPrefix + id + "_" + secret, nil
}

// CheckName refuses what cannot be the name of a key.
func CheckName(name string) error {
	if name == "" || len(name) > MaxName ||
		strings.IndexFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) >= 0 {
		return fmt.Errorf("name %.80q: a key's name is 1 to %d visible ASCII characters without spaces", name, MaxName)
	}
	return nil
}

// parseKey splits a credential in the form of an API key.
func parseKey(credential string) (id, secret string, ok bool) {
	rest, ok := strings.CutPrefix(credential, keyPrefix)
	if !ok || len(rest) != keyIDLength+1+secretLength || rest[keyIDLength] != '_' {
		return "", "", false
	}
	return rest[:keyIDLength], rest[keyIDLength+1:], true
}

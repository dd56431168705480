package order

import (
	"crypto/sha256"
	"fmt"
)

// ValidKey reports whether key may be an idempotency key: 1 to MaxKey visible ASCII characters, '!' to '~'.
func ValidKey(key string) bool {
	if key == "" || len(key) > MaxKey {
		return false
	}
	for i := range len(key) {
		if key[i] < '!' || key[i] > '~' {
			return false
		}
	}
	return true
}

// checkKey rejects an invalid idempotency key. "" stands for no key.
func checkKey(key string) error {
	if key == "" || ValidKey(key) {
		return nil
	}
	return reject(CodeInvalidKey, Violation{
		Rule:   RuleInvalidCharacter,
		Detail: fmt.Sprintf("the idempotency key must be 1 to %d visible ASCII characters", MaxKey),
	})
}

// KeyHash stands for a caller's idempotency key. The zero KeyHash stands for none.
type KeyHash [16]byte

// HashKey returns the first 16 bytes of SHA-256(caller, a zero byte, key). Without a key it returns the zero KeyHash.
// The hash is stored and sent with messages in place of the key, so the way it is computed must never change.
func HashKey(caller, key string) KeyHash {
	if key == "" {
		return KeyHash{}
	}
	var room [MaxKey + 64]byte // enough for most, without an allocation
	sum := sha256.Sum256(append(append(append(room[:0], caller...), 0), key...))
	return KeyHash(sum[:len(KeyHash{})])
}

// IsZero reports whether there is no key.
func (h KeyHash) IsZero() bool { return h == KeyHash{} }

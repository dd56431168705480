package event

import (
	"encoding/base64"

	"ordertally/shared/event/cloudevent"
)

// KeyHeader returns the header of a message whose request had an idempotency key: base64url, without padding, of the
// hash of caller and key (16 bytes) and the hash of the values asked for (32 bytes).
func KeyHeader(key [16]byte, request [32]byte) cloudevent.Header {
	hashes := append(key[:], request[:]...)
	return cloudevent.Header{
		Key:   cloudevent.HeaderKey,
		Value: base64.RawURLEncoding.AppendEncode(nil, hashes),
	}
}

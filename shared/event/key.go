package event

import (
	"encoding/base64"
	"errors"

	"ordertally/shared/event/cloudevent"
)

// KeyHeader returns the header of a message whose request had an idempotency key: base64url, without padding, of the
// hash of caller and key (16 bytes) and the hash of the values asked for (32 bytes).
func KeyHeader(key [16]byte, request [32]byte) cloudevent.Header {
	var hashes [len(key) + len(request)]byte
	copy(hashes[copy(hashes[:], key[:]):], request[:])
	return cloudevent.Header{
		Key:   cloudevent.HeaderKey,
		Value: base64.RawURLEncoding.AppendEncode(nil, hashes[:]),
	}
}

var errKeyHeader = errors.New("header " + cloudevent.HeaderKey + " is not base64url of 48 bytes")

// ParseKeyHeader reads the value of that header.
func ParseKeyHeader(value []byte) (key [16]byte, request [32]byte, err error) {
	var hashes [len(key) + len(request)]byte
	if base64.RawURLEncoding.DecodedLen(len(value)) != len(hashes) {
		return key, request, errKeyHeader
	}
	if _, err := base64.RawURLEncoding.Decode(hashes[:], value); err != nil {
		return key, request, errKeyHeader
	}
	return [16]byte(hashes[:len(key)]), [32]byte(hashes[len(key):]), nil
}

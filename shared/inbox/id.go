package inbox

import "encoding/hex"

const (
	tagText = 0 // the id's bytes follow
	tagUUID = 1 // the 16 bytes of a UUID follow
)

const (
	uuidSize    = 16
	uuidTextLen = 36
)

// packID returns the key that an id is stored under. UUIDs in their canonical text take 17 bytes instead of 36; they
// sort as their text does, so those of version 7 by time. No two ids have the same key.
func packID(id string) []byte { return appendID(nil, id) }

// appendID appends what packID returns.
func appendID(key []byte, id string) []byte {
	if packed, ok := appendUUID(key, id); ok {
		return packed
	}
	return append(append(key, tagText), id...)
}

func appendUUID(key []byte, id string) ([]byte, bool) {
	if len(id) != uuidTextLen || id[8] != '-' || id[13] != '-' || id[18] != '-' || id[23] != '-' {
		return nil, false
	}
	var digits [2 * uuidSize]byte
	compact := append(digits[:0], id[:8]...)
	compact = append(compact, id[9:13]...)
	compact = append(compact, id[14:18]...)
	compact = append(compact, id[19:23]...)
	compact = append(compact, id[24:]...)
	for _, c := range compact {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') { // upper case is another id
			return nil, false
		}
	}
	var packed [uuidSize]byte
	_, err := hex.Decode(packed[:], compact)
	return append(append(key, tagUUID), packed[:]...), err == nil
}

package orderapi

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"

	"ordertally/shared/uuidv7"
	"ordertally/shared/web"
)

// A cursor is opaque to clients. It has a version, the last id of the previous page, and a CRC-32C over both and the
// filters. The checksum detects a cursor that was cut or is used with other filters. A cursor is not a secret and gives
// no access.

const (
	cursorVersion = 1
	cursorLen     = 1 + 16 + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func encodeCursor(last uuidv7.ID, filters string) string {
	b := append([]byte{cursorVersion}, last[:]...)
	b = binary.BigEndian.AppendUint32(b, cursorSum(b, filters))
	return base64.RawURLEncoding.EncodeToString(b)
}

func decodeCursor(text, filters string) (last uuidv7.ID, err error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != cursorLen || b[0] != cursorVersion ||
		binary.BigEndian.Uint32(b[cursorLen-4:]) != cursorSum(b[:cursorLen-4], filters) {
		return uuidv7.ID{}, web.InvalidParameter("cursor",
			"is not one that this list answered with, or the filters changed. Start without it.")
	}
	copy(last[:], b[1:])
	return last, nil
}

func cursorSum(b []byte, filters string) uint32 {
	return crc32.Update(crc32.Checksum(b, castagnoli), castagnoli, []byte(filters))
}

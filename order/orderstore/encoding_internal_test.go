package orderstore

import (
	"errors"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ordertally/order"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/event"
	"ordertally/shared/uuidv7"
)

func drawMessage(t *rapid.T) message {
	return message{
		kind: event.TypeCreated,
		slot: rapid.Uint64().Draw(t, "slot"),
		id:   uuidv7.ID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "message id")),
	}
}

// drawBytes returns random bytes, or zeros, which stand for nothing.
func drawBytes(t *rapid.T, n int, name string) []byte {
	if rapid.Bool().Draw(t, "no "+name) {
		return make([]byte, n)
	}
	return rapid.SliceOfN(rapid.Byte(), n, n).Draw(t, name)
}

func drawTime(t *rapid.T) time.Time {
	seconds, nanos := rapid.Int64Range(0, 1<<40).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanos")
	return time.Unix(seconds, nanos).UTC()
}

func TestRow_IsReadBackAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := row{
			message: drawMessage(t), placedAt: drawTime(t), placedBy: rapid.String().Draw(t, "by"),
			key:     order.KeyHash(drawBytes(t, 16, "key")),
			hash:    order.RequestHash(drawBytes(t, 32, "hash")),
			content: content{rapid.Bool().Draw(t, "packed"), rapid.SliceOfN(rapid.Byte(), 1, 99).Draw(t, "content")},
		}
		key := []byte("key")
		sealed := encodeRow(nil, key, &r)
		if back, err := decodeRow(key, sealed); err != nil || !reflect.DeepEqual(back, r) {
			t.Fatalf("%+v, %v; want %+v", back, err, r)
		}
		value, err := codec.Unseal(key, sealed)
		if err != nil {
			t.Fatal(err)
		}
		cut := value[:rapid.IntRange(1, 18).Draw(t, "cut")]
		if _, err := decodeRow(key, codec.Seal(key, cut)); !errors.Is(err, codec.ErrCorrupt) {
			t.Fatalf("cut off: %v", err)
		}
	})
}

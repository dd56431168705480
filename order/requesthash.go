package order

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"maps"
	"slices"
	"sync"
	"time"

	"ordertally/shared/event"
)

// RequestHash is the SHA-256 of the content of a request.
type RequestHash [sha256.Size]byte

// HashRequest returns the hash of d. Two drafts have the same hash exactly if their values are equal. White space, the
// order of members, and the spelling of numbers, texts and times do not matter. A missing placed_at differs from every
// given one.
//
// Each value is hashed after its name, and missing values are not hashed. So a new field of orders does not change the
// hashes of stored requests.
func HashRequest(d *Draft) RequestHash { return hashFields(event.OrderFields, d) }

// IsZero reports whether the hash is not known. That is so for an order without an idempotency key that was restored
// from the topic.
func (h RequestHash) IsZero() bool { return h == RequestHash{} }

// Placed reports whether a request with the hash h may have asked for o. The order does not say whether the request
// named placed_at, so both are accepted.
func (h RequestHash) Placed(o *event.Order) bool {
	if h == HashRequest(o) {
		return true
	}
	unnamed := *o
	unnamed.PlacedAt = time.Time{}
	return h == HashRequest(&unnamed)
}

// hashFields hashes the given fields, among those that a request may have.
func hashFields[T any](fields []event.Field[T], v *T) (sum RequestHash) {
	h, _ := valueHashers.Get().(*valueHasher)
	h.hash.Reset()
	addFields(h, fields, v)
	h.flush()
	copy(sum[:], h.hash.Sum(h.buffer))
	valueHashers.Put(h)
	return sum
}

func addFields[T any](h *valueHasher, fields []event.Field[T], v *T) {
	for i := range fields {
		if fields[i].Presence != event.Computed {
			addField(h, &fields[i], v)
		}
	}
}

func addField[T any](h *valueHasher, f *event.Field[T], v *T) {
	switch value := f.Of(v).(type) {
	case *string:
		h.text(f.Name, *value)
	case *int64:
		h.number(f.Name, *value)
	case *time.Time:
		h.time(f.Name, *value)
	case *[]event.Line:
		h.count(f.Name, len(*value))
		for i := range *value {
			addFields(h, event.LineFields, &(*value)[i])
		}
	case *map[string]string:
		h.count(f.Name, len(*value))
		if len(*value) == 0 {
			return
		}
		for _, key := range slices.Sorted(maps.Keys(*value)) {
			h.append(key)
			h.append((*value)[key])
		}
	default:
		panic("order: field " + f.Name + " has a type that cannot be hashed")
	}
}

const hashBuffer = 1 << 10

// A placement that makes a hasher allocates half more memory.
var valueHashers = sync.Pool{New: func() any {
	return &valueHasher{hash: sha256.New(), buffer: make([]byte, 0, hashBuffer)}
}}

// valueHasher hashes named values. Each text follows its length, so different sequences of values never produce the
// same bytes.
type valueHasher struct {
	hash   hash.Hash
	buffer []byte
}

// text hashes a text. An empty text stands for a missing one and is not hashed.
func (h *valueHasher) text(name, text string) {
	if text != "" {
		h.append(name)
		h.append(text)
	}
}

func (h *valueHasher) number(name string, n int64) {
	h.append(name)
	h.varint(n)
}

// count hashes the number of values that follow, unless it is zero.
func (h *valueHasher) count(name string, n int) {
	if n > 0 {
		h.number(name, int64(n))
	}
}

// time hashes an instant. The zero time stands for a missing one and is not hashed.
func (h *valueHasher) time(name string, at time.Time) {
	if !at.IsZero() {
		h.number(name, at.Unix())
		h.varint(int64(at.Nanosecond()))
	}
}

func (h *valueHasher) append(text string) {
	h.varint(int64(len(text)))
	if len(h.buffer)+len(text) > hashBuffer {
		h.flush()
	}
	h.buffer = append(h.buffer, text...)
}

func (h *valueHasher) varint(n int64) {
	if len(h.buffer)+binary.MaxVarintLen64 > hashBuffer {
		h.flush()
	}
	h.buffer = binary.AppendVarint(h.buffer, n)
}

func (h *valueHasher) flush() {
	_, _ = h.hash.Write(h.buffer) // a hash never fails
	h.buffer = h.buffer[:0]
}

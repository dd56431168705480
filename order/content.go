package order

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"maps"
	"slices"
	"time"
)

// ContentHash is a digest of what a request asks for.
type ContentHash [sha256.Size]byte

// contentVersion begins what is hashed. Another way to hash needs another one, and forgets nothing: hashes of two
// versions differ, so what was stored under the first is "other content" to the second.
const contentVersion = 1

// ContentHash returns the digest of d. Drafts have the same one exactly if they are equal as values: bodies that differ
// in white space, the order of members or the spelling of a number, a text or a time do not differ here. A placed_at
// that is left out differs from every other one.
func (d *Draft) ContentHash() (sum ContentHash) {
	c := contentWriter{hash: sha256.New(), buffer: make([]byte, 0, contentBuffer)}
	c.number(contentVersion)
	c.text(d.Source)
	c.text(d.Reference)
	c.text(d.CustomerID)
	c.text(d.Currency)
	c.time(d.PlacedAt)
	c.number(int64(len(d.Lines)))
	for i := range d.Lines {
		l := &d.Lines[i]
		c.text(l.SKU)
		c.text(l.Description)
		c.number(l.Quantity)
		c.number(l.UnitPrice)
	}
	c.number(int64(len(d.Metadata)))
	for _, key := range slices.Sorted(maps.Keys(d.Metadata)) {
		c.text(key)
		c.text(d.Metadata[key])
	}
	c.flush()
	c.hash.Sum(sum[:0])
	return sum
}

const contentBuffer = 1 << 10

// contentWriter hashes values so that no two sequences of them give the same bytes: each text has its length before it.
type contentWriter struct {
	hash   hash.Hash
	buffer []byte
}

func (c *contentWriter) text(text string) {
	c.number(int64(len(text)))
	if len(c.buffer)+len(text) > contentBuffer {
		c.flush()
	}
	c.buffer = append(c.buffer, text...)
}

func (c *contentWriter) number(n int64) {
	if len(c.buffer)+binary.MaxVarintLen64 > contentBuffer {
		c.flush()
	}
	c.buffer = binary.AppendVarint(c.buffer, n)
}

// time writes an instant. The zero time, for none, is before every other one.
func (c *contentWriter) time(at time.Time) {
	c.number(at.Unix())
	c.number(int64(at.Nanosecond()))
}

func (c *contentWriter) flush() {
	_, _ = c.hash.Write(c.buffer) // a hash takes everything
	c.buffer = c.buffer[:0]
}

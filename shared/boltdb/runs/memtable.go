package runs

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync"
)

// memtable holds entries in the order they were added. It has no pointers, which would cost the garbage collector more
// than all lookups. One goroutine adds; any may read.
type memtable struct {
	size int // of an entry

	mu    sync.RWMutex
	slab  []byte   // the entries
	next  []uint32 // for each entry, one more than the number of the entry before it with the same hash
	slots []uint32 // open addressing: one more than the number of the newest entry of a hash
	// unsorted says that a newer entry of a hash has a greater rest than an older one.
	unsorted bool
}

const firstSlots = 256

func newMemtable(size int) *memtable { return &memtable{size: size, slots: make([]uint32, firstSlots)} }

func (m *memtable) entry(i uint32) []byte { return m.slab[int(i)*m.size:][:m.size:m.size] }

// slot returns where the chain of a hash begins, or where it would.
func (m *memtable) slot(hash []byte) *uint32 {
	mask := uint32(len(m.slots) - 1) //nolint:gosec // a memtable is small
	for at := binary.LittleEndian.Uint32(hash[hashSize-4:]) & mask; ; at = (at + 1) & mask {
		head := m.slots[at]
		if head == 0 || bytes.Equal(m.entry(head - 1)[:hashSize], hash) {
			return &m.slots[at]
		}
	}
}

// add adds entries, one after the other in b.
func (m *memtable) add(b []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for ; len(b) > 0; b = b[m.size:] {
		if 2*(len(m.next)+1) > len(m.slots) {
			m.grow()
		}
		head := m.slot(b[:hashSize])
		if *head != 0 && bytes.Compare(b[hashSize:m.size], m.entry(*head - 1)[hashSize:]) > 0 {
			m.unsorted = true
		}
		m.slab = append(m.slab, b[:m.size]...)
		m.next = append(m.next, *head)
		*head = uint32(len(m.next)) //nolint:gosec // likewise
	}
}

func (m *memtable) grow() {
	slots := m.slots
	m.slots = make([]uint32, 2*len(slots))
	for _, head := range slots {
		if head != 0 {
			*m.slot(m.entry(head - 1)[:hashSize]) = head
		}
	}
}

// reset removes all entries.
func (m *memtable) reset() {
	m.slab, m.next, m.unsorted = m.slab[:0], m.next[:0], false
	if len(m.slots) > 1<<14 {
		m.slots = make([]uint32, firstSlots)
	}
	clear(m.slots)
}

// len returns the number of entries.
func (m *memtable) len() int {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return len(m.next)
}

// find calls visit with the rest of each of the first n entries that has the hash, newest first, until it returns
// false. It reports whether visit never did.
func (m *memtable) find(hash *Hash, n int, visit func(rest []byte) bool) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if len(m.next) == 0 {
		return true
	}
	for at := *m.slot(hash[:]); at != 0; at = m.next[at-1] {
		if int(at) <= n && !visit(m.entry(at - 1)[hashSize:]) {
			return false
		}
	}
	return true
}

// has reports whether an entry has the hash.
func (m *memtable) has(hash *Hash) bool {
	return !m.find(hash, len(m.next), func([]byte) bool { return false })
}

// sorted returns the entries by hash and rest, without repetitions.
func (m *memtable) sorted() []byte {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return sortEntries(m.slab, m.size)
}

// cursor walks the entries of one hash among the first n by ascending rest, from a rest on.
func (m *memtable) cursor(hash *Hash, n int, from []byte) *memCursor {
	m.mu.RLock()
	defer m.mu.RUnlock()
	c := &memCursor{table: m}
	if len(m.next) == 0 {
		return c
	}
	at := *m.slot(hash[:])
	if !m.unsorted {
		for at != 0 && (int(at) > n || bytes.Compare(m.entry(at - 1)[hashSize:], from) < 0) {
			at = m.next[at-1]
		}
		c.at = at
		return c
	}
	for ; at != 0; at = m.next[at-1] {
		if rest := m.entry(at - 1)[hashSize:]; int(at) <= n && bytes.Compare(rest, from) >= 0 {
			c.sorted = append(c.sorted, bytes.Clone(rest))
		}
	}
	slices.SortFunc(c.sorted, bytes.Compare)
	return c
}

type memCursor struct {
	table  *memtable
	at     uint32
	sorted [][]byte
}

// rest returns the current rest, or nil at the end.
func (c *memCursor) rest() []byte {
	if len(c.sorted) > 0 {
		return c.sorted[0]
	}
	if c.at == 0 {
		return nil
	}
	c.table.mu.RLock()
	defer c.table.mu.RUnlock()
	return c.table.entry(c.at - 1)[hashSize:]
}

func (c *memCursor) advance() error {
	if len(c.sorted) > 0 {
		c.sorted = c.sorted[1:]
		return nil
	}
	c.table.mu.RLock()
	defer c.table.mu.RUnlock()
	c.at = c.table.next[c.at-1]
	return nil
}

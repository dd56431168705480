package runs

import (
	"bytes"
	"context"
	"slices"

	"ordertally/shared/boltdb"
)

// Import makes a run of many entries at once, which were put together by Batch. It must not run beside Maintain.
func (s *Set) Import(ctx context.Context, b *Batch) error {
	if len(b.entries) == 0 {
		return nil
	}
	sorted := sortEntries(b.entries, b.index.size)
	var number uint64
	err := s.write(ctx, func(tx *boltdb.Tx) (err error) {
		number, err = tx.Bucket(s.root).NextSequence()
		return err
	})
	if err != nil {
		return err
	}
	count := uint64(len(sorted) / b.index.size) //nolint:gosec // not negative
	r, err := s.build(ctx, b.index, false, count, number, number,
		sortedEntries(sorted, b.index.size))
	if err != nil {
		return err
	}
	return s.replace(ctx, r, nil)
}

// Batch is entries of an index in any order.
type Batch struct {
	index   *Index
	entries []byte
}

// NewBatch returns an empty batch for Import.
func (x *Index) NewBatch() *Batch { return &Batch{index: x} }

// Add adds an entry. The rest has the size that the index's Spec says.
func (b *Batch) Add(hash Hash, rest []byte) {
	b.entries = append(append(b.entries, hash[:]...), rest[:b.index.spec.Rest]...)
}

// Len returns the number of entries.
func (b *Batch) Len() int { return len(b.entries) / b.index.size }

// sortEntries returns entries of a size in order, without repetitions.
func sortEntries(entries []byte, size int) []byte {
	order := make([]uint32, len(entries)/size)
	for i := range order {
		order[i] = uint32(i)
	}
	at := func(i uint32) []byte { return entries[int(i)*size:][:size] }
	slices.SortFunc(order, func(a, b uint32) int { return bytes.Compare(at(a), at(b)) })
	sorted := make([]byte, 0, len(entries))
	var last []byte
	for _, i := range order {
		if e := at(i); !bytes.Equal(e, last) {
			sorted = append(sorted, e...)
			last = e
		}
	}
	return sorted
}

package boltdb

import (
	"errors"
	"os"
	"slices"

	"go.etcd.io/bbolt"
)

// Scan visits the records of a bucket that come after a key, in order, until visit returns false. Key and value are
// valid until visit returns. The bucket must have no buckets within it, and be as it is in the file: not changed by its
// transaction.
//
// It reads the file, not bbolt's mapping. The kernel then reads ahead, and a goroutine that waits for the disk leaves
// its processor to others. A mapped page that is not in the cache is read alone, and its reader keeps the processor.
func (db *DB) Scan(b *bbolt.Bucket, after []byte, visit func(key, value []byte) (more bool, err error)) error {
	if b.Root() == 0 { // it is within its parent's page
		cursor := b.Cursor()
		key, value := cursor.Seek(after)
		if slices.Equal(key, after) {
			key, value = cursor.Next()
		}
		for ; key != nil; key, value = cursor.Next() {
			if more, err := visit(key, value); !more || err != nil {
				return err
			}
		}
		return nil
	}
	var fault error
	w := walk{
		//nolint:gosec // a size is not negative
		pages: pages{file: db.file, size: db.pageSize, high: uint64(b.Tx().Size() / db.pageSize)},
		rooms: new(rooms),
		fault: func(_ [][]byte, err error) { fault = errors.Join(fault, err) },
		visit: func(r *Record) error {
			if fault != nil {
				return fault
			}
			more, err := visit(r.Key, r.Value)
			if err == nil && !more {
				err = errPause
			}
			return err
		},
	}
	var from [][]byte
	if len(after) > 0 {
		from = [][]byte{after}
	}
	err := w.run(uint64(b.Root()), from)
	if errors.Is(err, errPause) {
		err = nil
	}
	if fault != nil {
		return damaged(db.path, "%s", fault)
	}
	return err
}

// readAhead makes the kernel read pages of a file into its cache, many at once. A failure does not matter: the pages
// are then read one by one.
func (p *pages) readAhead(ids []uint64) {
	file, ok := p.file.(*os.File)
	if !ok || len(ids) < 2 {
		return
	}
	ids = slices.Clone(ids)
	slices.Sort(ids)
	for i := 0; i < len(ids); {
		from := i
		for i++; i < len(ids) && ids[i] <= ids[i-1]+1; i++ {
		}
		n := ids[i-1] - ids[from] + 1
		_ = willNeed(file, int64(ids[from])*p.size, int64(n)*p.size) //nolint:gosec // within the file
	}
}

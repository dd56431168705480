package outbox

import "go.etcd.io/bbolt"

// Reader reads what became of the messages in the file of a stopped service.
type Reader struct{ o *Outbox }

// Read returns a reader of the file that tx reads.
func Read(tx *bbolt.Tx) (*Reader, error) {
	o := &Outbox{queue: newQueue(1, 1)}
	return &Reader{o}, o.load(tx, func(error) {}) // a damaged entry is found again by whoever reads its message
}

// Status is Outbox.Status.
func (r *Reader) Status(tx *bbolt.Tx, origin uint64) (Status, error) { return r.o.Status(tx, origin) }

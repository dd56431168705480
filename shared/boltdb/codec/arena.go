package codec

// Arena is memory for the records of one transaction, which bbolt needs until it ends. The zero Arena is ready for use.
type Arena struct{ b []byte }

const (
	firstArena = 4 << 10
	// mostSpareArena is how large an arena may be whose memory is kept for the next transaction.
	mostSpareArena = 1 << 20
)

// take returns an empty slice with room for n bytes.
func (a *Arena) take(n int) []byte {
	if cap(a.b)-len(a.b) < n { // the records so far keep the memory that they have
		a.b = make([]byte, 0, max(n, 2*cap(a.b), firstArena))
	}
	from := len(a.b)
	a.b = a.b[:from+n]
	return a.b[from:from:len(a.b)]
}

// Reset makes all of the memory free again. No record in it may be in use: the transaction has ended.
func (a *Arena) Reset() {
	if a.b = a.b[:0]; cap(a.b) > mostSpareArena {
		a.b = nil
	}
}

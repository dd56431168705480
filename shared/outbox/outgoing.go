package outbox

import (
	"maps"
)

// outgoing is a batch on its way to the publisher: the messages after slot from, up to slot to, without those that
// wait. records are made of the first rows, in their order.
type outgoing struct {
	from, to uint64
	rows     []row
	records  []Record
	bytes    int

	previous uint64           // newest published slot, these included
	last     map[int32]uint64 // partition -> newest slot in it, these included; others have their tail
}

// after returns the empty batch that follows out, which is not published yet.
func (out *outgoing) after() *outgoing {
	return &outgoing{from: out.to, to: out.to, previous: out.previous, last: maps.Clone(out.last)}
}

// room reports whether the batch takes more rows, and how many and how many bytes.
func (out *outgoing) room(maxRows, maxBytes int) (rows, bytes int, more bool) {
	rows, bytes = maxRows-len(out.rows), maxBytes-out.bytes
	return rows, bytes, rows > 0 && bytes > 0
}

func (out *outgoing) add(rows []row, to uint64) {
	for i := range rows {
		out.bytes += rows[i].size()
	}
	out.rows, out.to = append(out.rows, rows...), to
}

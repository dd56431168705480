package outbox

import (
	"context"
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

// encode makes the records that out lacks.
func (r *sender) encode(out *outgoing) {
	if out.records == nil {
		out.records = make([]Record, 0, len(out.rows))
	}
	lineage := r.outbox.Lineage()
	for i := len(out.records); i < len(out.rows); i++ {
		next := &out.rows[i]
		partition := r.outbox.partition(next.slot, next.message.Key)
		inPartition, ok := out.last[partition]
		if !ok {
			inPartition = r.tails[partition].last
		}
		out.records = append(out.records,
			next.record(r.outbox.config.Source, lineage, partition, out.previous, inPartition))
		out.previous, out.last[partition] = next.slot, next.slot
	}
}

// next returns the batch after the position: what was prepared, and what came since then. It leaves out messages that
// must wait. A batch was prepared in vain if the one before it was not published after all.
func (r *Relay) next(ctx context.Context) (*outgoing, error) {
	position := r.outbox.position.Load()
	out := r.ahead
	r.ahead = nil
	if out == nil || out.from != position {
		out = &outgoing{from: position, to: position, previous: r.previous, last: map[int32]uint64{}}
		if err := r.fill(ctx, out); err != nil {
			return nil, err
		}
	} else if n, bytes, more := out.room(r.batchCap, r.config.BatchBytes); more {
		rows, _ := r.outbox.queue.take(out.to, n, bytes)
		if len(rows) > 0 {
			out.add(rows, rows[len(rows)-1].slot)
		}
	}
	found := len(out.rows)
	var err error
	if out.rows, err = r.hold(ctx, out.rows); err != nil {
		return nil, err
	}
	if len(out.rows) < found { // other messages precede those behind
		out.records, out.previous, out.last = nil, r.previous, map[int32]uint64{}
	}
	r.encode(out)
	return out, nil
}

// prepare prepares the batch after out while out is being published, if there is one. It changes nothing but memory, so
// the result can be dropped (rules P2 and P6): whoever takes it decides which messages wait, and whether out was
// published.
func (r *Relay) prepare(ctx context.Context, out *outgoing) {
	ahead := out.after()
	if err := r.fill(ctx, ahead); err != nil {
		return // the next to read it meets the same error
	}
	r.encode(ahead)
	r.ahead = ahead
}

// fill adds the messages after out.to from memory, or else from the database, within the limits of a batch.
func (r *Relay) fill(ctx context.Context, out *outgoing) error {
	rows, first := r.outbox.queue.take(out.to, r.batchCap, r.config.BatchBytes)
	if len(rows) > 0 {
		out.add(rows, rows[len(rows)-1].slot)
		return nil
	}
	if out.to >= r.outbox.queue.lastSlot() {
		return nil
	}
	rows, to, err := r.outbox.read(ctx, out.to, first, r.batchCap, r.config.BatchBytes)
	if err != nil {
		return err
	}
	out.add(rows, to)
	return nil
}

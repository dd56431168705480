package outbox

import (
	"encoding/binary"
	"time"
)

// Times are stored as nanoseconds since 1970, zero time as 0.

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return binary.BigEndian.AppendUint64(b, 0)
	}
	return binary.BigEndian.AppendUint64(b, uint64(t.UnixNano()))
}

func appendText[T string | []byte](b []byte, text T) []byte {
	b = binary.AppendUvarint(b, uint64(len(text)))
	return append(b, text...)
}

// decoder reads what the functions above wrote. After reading past the end, short is set and zero values are returned.
type decoder struct {
	b     []byte
	short bool
}

func (d *decoder) take(n int) []byte {
	if n < 0 || n > len(d.b) {
		d.short, d.b = true, nil
		return nil
	}
	taken := d.b[:n:n]
	d.b = d.b[n:]
	return taken
}

func (d *decoder) byte() byte {
	if b := d.take(1); len(b) == 1 {
		return b[0]
	}
	return 0
}

func (d *decoder) uint32() uint32 {
	if b := d.take(4); len(b) == 4 {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (d *decoder) uint64() uint64 {
	if b := d.take(8); len(b) == 8 {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

func (d *decoder) time() time.Time {
	nanos := int64(d.uint64()) //nolint:gosec // written from an int64
	if nanos == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanos).UTC()
}

// count reads how many texts follow.
func (d *decoder) count() uint64 {
	n, width := binary.Uvarint(d.b)
	if width <= 0 || n > uint64(len(d.b)) {
		d.short, d.b = true, nil
		return 0
	}
	d.take(width)
	return n
}

func (d *decoder) text() []byte {
	n, width := binary.Uvarint(d.b)
	if width <= 0 || n > uint64(len(d.b)) {
		d.short, d.b = true, nil
		return nil
	}
	d.take(width)
	return d.take(int(n)) //nolint:gosec // at most len(d.b)
}

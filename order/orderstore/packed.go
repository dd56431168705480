package orderstore

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"ordertally/shared/boltdb/codec"
	"ordertally/shared/event"
	"ordertally/shared/uuidv7"
)

// A packed order takes about half of the bytes of its JSON, and the JSON that was answered first is made again out of
// it, byte for byte. It has everything but the order's id and placed_at, which the row has.
//
// An object is a set of field numbers, one bit each, and the values of those fields by ascending number. A zero value
// is left out. See event.Field.Number.

var (
	packedOrder = byNumber(event.OrderFields)
	packedLine  = byNumber(event.LineFields)
)

// byNumber returns the fields that have a number, in the order of these.
func byNumber[T any](fields []event.Field[T]) []event.Field[T] {
	fields = slices.DeleteFunc(slices.Clone(fields), func(f event.Field[T]) bool { return f.Number == 0 })
	slices.SortFunc(fields, func(a, b event.Field[T]) int { return cmp.Compare(a.Number, b.Number) })
	return fields
}

// content is the content of an order as its row has it.
type content struct {
	packed bool
	bytes  []byte // a packed order, or else the payload itself
}

// contentOf returns the content of a payload, and its order if the caller has it. A payload that a packed order would
// not give back byte for byte stays as it is. The id in it does not matter.
func contentOf(payload []byte, o *event.Order) content {
	if o == nil {
		decoded, err := event.Decode(payload)
		if err != nil {
			return content{bytes: payload}
		}
		o = &decoded
	}
	e := codec.NewEntry(len(payload))
	packObject(&e, packedOrder, o)
	c := content{true, e.Encoded()}
	again := spareOrders.Get().(*event.Order) //nolint:forcetypeassert // it holds nothing else
	defer spareOrders.Put(again)
	*again = event.Order{PlacedAt: o.PlacedAt, Lines: again.Lines[:0]}
	if err := c.unpack(again); err != nil || !event.Encodes(again, payload) {
		return content{bytes: payload}
	}
	return c
}

// spareOrders holds orders whose memory is used again to compare with.
var spareOrders = sync.Pool{New: func() any { return new(event.Order) }}

// unpack reads a packed order.
func (c content) unpack(o *event.Order) error {
	u := unpacker{codec.NewDecoder(c.bytes), string(c.bytes)}
	unpackObject(&u, packedOrder, o)
	return u.End()
}

// order returns the order. id and placedAt are those of the row.
func (c content) order(id uuidv7.ID, placedAt time.Time) (event.Order, error) {
	if !c.packed {
		o, err := event.Decode(c.bytes)
		if err == nil && o.ID != id.String() {
			err = fmt.Errorf("the order calls itself %.40q", o.ID)
		}
		if err != nil {
			return event.Order{}, fmt.Errorf("%w: %w", codec.ErrCorrupt, err)
		}
		return o, nil
	}
	o := event.Order{PlacedAt: placedAt}
	if id != (uuidv7.ID{}) {
		o.ID = id.String()
	}
	return o, c.unpack(&o)
}

// payload returns the JSON. It shares no memory with the row.
func (c content) payload(id uuidv7.ID, placedAt time.Time) ([]byte, error) {
	if !c.packed {
		return slices.Clone(c.bytes), nil
	}
	o, err := c.order(id, placedAt)
	if err != nil {
		return nil, err
	}
	return event.Encode(&o), nil
}

func packObject[T any](e *codec.Encoder, fields []event.Field[T], v *T) {
	var given uint64
	for i := range fields {
		if !isZero(fields[i].Of(v)) {
			given |= 1 << fields[i].Number
		}
	}
	e.Uint(given)
	for i := range fields {
		if given&(1<<fields[i].Number) != 0 {
			packValue(e, fields[i].Of(v))
		}
	}
}

func isZero(value any) bool {
	switch value := value.(type) {
	case *string:
		return *value == ""
	case *int64:
		return *value == 0
	case *[]event.Line:
		return len(*value) == 0
	case *map[string]string:
		return len(*value) == 0
	}
	panic(fmt.Sprintf("orderstore: a field of an order has a type that cannot be stored: %T", value))
}

func packValue(e *codec.Encoder, value any) {
	switch value := value.(type) {
	case *string:
		e.Text(*value)
	case *int64:
		e.Uint(uint64(*value)) //nolint:gosec // read back as an int64
	case *[]event.Line:
		e.Count(int64(len(*value)))
		for i := range *value {
			packObject(e, packedLine, &(*value)[i])
		}
	case *map[string]string:
		e.Count(int64(len(*value)))
		for _, name := range slices.Sorted(maps.Keys(*value)) {
			e.Text(name)
			e.Text((*value)[name])
		}
	}
}

// unpacker unpacks. All texts of an order share the memory of one.
type unpacker struct {
	codec.Decoder
	whole string
}

func (u *unpacker) text() string {
	n := len(u.Bytes())
	end := len(u.whole) - u.Left()
	return u.whole[end-n : end]
}

func unpackObject[T any](d *unpacker, fields []event.Field[T], v *T) {
	given := d.Uint()
	for i := range fields {
		bit := uint64(1) << fields[i].Number
		if given&bit != 0 {
			unpackValue(d, fields[i].Of(v))
		}
		given &^= bit
	}
	if given != 0 { // a field that this release does not have
		d.Fail()
	}
}

func unpackValue(d *unpacker, value any) {
	switch value := value.(type) {
	case *string:
		*value = d.text()
	case *int64:
		*value = int64(d.Uint()) //nolint:gosec // written from an int64
	case *[]event.Line:
		n := d.Len()
		*value = slices.Grow((*value)[:0], n)[:n]
		clear(*value)
		for i := range *value {
			unpackObject(d, packedLine, &(*value)[i])
		}
	case *map[string]string:
		n := d.Len()
		if *value == nil {
			*value = make(map[string]string, n)
		}
		for ; n > 0 && d.Err() == nil; n-- {
			name := d.text()
			(*value)[name] = d.text()
		}
	}
}

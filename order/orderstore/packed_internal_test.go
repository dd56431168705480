package orderstore

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ordertally/shared/boltdb/codec"
	"ordertally/shared/event"
	"ordertally/shared/uuidv7"
)

var (
	anID    = uuidv7.ID{0: 1, 6: 0x70, 8: 0x80, 15: 9}
	otherID = uuidv7.ID{0: 2, 6: 0x70, 8: 0x80, 15: 8}
)

// kept returns the payload that a row with that content answers with.
func kept(t interface{ Fatal(args ...any) }, c content, id uuidv7.ID, placedAt time.Time) []byte {
	key := id[:]
	r, err := decodeRow(key, encodeRow(nil, key, &row{placedAt: placedAt, content: c}))
	if err != nil {
		t.Fatal(err)
	}
	payload, err := r.payload(id)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

// lastSecond is the last one of the year 9999, after which JSON has no times.
const lastSecond = 253402300799

// drawFields sets fields of an object at random, whichever it has.
func drawFields[T any](t *rapid.T, fields []event.Field[T], v *T) {
	for i := range fields {
		if fields[i].Presence != event.Required && rapid.Bool().Draw(t, "without "+fields[i].Name) {
			continue
		}
		switch value := fields[i].Of(v).(type) {
		case *string:
			*value = rapid.String().Draw(t, fields[i].Name)
		case *int64:
			*value = rapid.Int64().Draw(t, fields[i].Name)
		case *time.Time:
			*value = time.Unix(rapid.Int64Range(0, lastSecond).Draw(t, "seconds"),
				rapid.Int64Range(0, 999_999_999).Draw(t, "nanos")).UTC()
		case *[]event.Line:
			lines := make([]event.Line, rapid.IntRange(0, 6).Draw(t, "lines"))
			for j := range lines {
				drawFields(t, event.LineFields, &lines[j])
			}
			*value = lines
		case *map[string]string:
			*value = rapid.MapOfN(rapid.String(), rapid.String(), 0, 4).Draw(t, fields[i].Name)
		default:
			t.Fatalf("field %s has a type that this test does not know", fields[i].Name)
		}
	}
}

func TestContent_GivesBackEveryOrderByteForByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var o event.Order
		drawFields(t, event.OrderFields, &o)
		o.ID = ""
		payload := event.Encode(&o)
		c := contentOf(payload, &o)
		if !c.packed {
			t.Fatalf("%s is not packed", payload)
		}
		if len(c.bytes) >= len(payload) {
			t.Fatalf("%d bytes packed, %d as JSON", len(c.bytes), len(payload))
		}
		event.SetID(payload, anID)
		if got := kept(t, c, anID, o.PlacedAt); !bytes.Equal(got, payload) {
			t.Fatalf("got  %s\nwant %s", got, payload)
		}
		if again := contentOf(payload, nil); !reflect.DeepEqual(again, c) {
			t.Fatalf("packed out of the JSON: %x, out of the order: %x", again.bytes, c.bytes)
		}
	})
}

// Other releases may write members that this one does not know, and anyone may write anything into a topic.
func TestContent_OfAnyOtherPayloadIsThePayload(t *testing.T) {
	canonical := event.Encode(&event.Order{Currency: "GBP", PlacedAt: time.Unix(1, 0),
		Lines: []event.Line{{SKU: "a", Quantity: 1}}, Metadata: map[string]string{"b": "1", "a": "2"}})
	event.SetID(canonical, anID)
	if !contentOf(canonical, nil).packed {
		t.Fatalf("%s is not packed", canonical)
	}
	for _, change := range [][2]string{
		{`"currency"`, `"channel":"web","currency"`}, {`,"currency"`, `, "currency"`}, {`"GBP"`, `"\u0047BP"`},
		{`"1970-01-01T00:00:01Z"`, `"1970-01-01T01:00:01+01:00"`}, {`"a":"2","b":"1"`, `"b":"1","a":"2"`},
		{`"quantity":1`, `"quantity":1,"reference":""`}, {`{"id"`, ` {"id"`}, {`"unit_price":0`, `"unit_price":-0`},
	} {
		payload := bytes.Replace(canonical, []byte(change[0]), []byte(change[1]), 1)
		if bytes.Equal(payload, canonical) {
			t.Fatalf("%s is not in it", change[0])
		}
		c := contentOf(payload, nil)
		if got := kept(t, c, anID, time.Unix(1, 0)); c.packed || !bytes.Equal(got, payload) {
			t.Errorf("packed %v, got %s, want %s", c.packed, got, payload)
		}
	}
}

// An order that the caller gives beside another payload must not be taken for it.
func TestContent_BelievesThePayload(t *testing.T) {
	o := event.Order{Currency: "GBP", PlacedAt: time.Unix(1, 0), Lines: []event.Line{{SKU: "a", Quantity: 1}}}
	payload := event.Encode(&o)
	o.Lines[0].Quantity = 2
	c := contentOf(payload, &o)
	event.SetID(payload, anID)
	if got := kept(t, c, anID, o.PlacedAt); c.packed || !bytes.Equal(got, payload) {
		t.Errorf("packed %v, got %s, want %s", c.packed, got, payload)
	}
}

func TestContent_OfAnotherOrderIsCorrupt(t *testing.T) {
	payload := event.Encode(&event.Order{Currency: "GBP"})
	event.SetID(payload, otherID)
	if _, err := (content{bytes: payload}).order(anID, time.Time{}); !errors.Is(err, codec.ErrCorrupt) {
		t.Errorf("%v", err)
	}
}

// Stored orders name fields by number, so a number may not be given again, and each field needs one.
func TestPacked_EveryFieldHasItsNumber(t *testing.T) {
	inRow := map[string]bool{"id": true, "placed_at": true}
	checkNumbers(t, event.OrderFields, inRow)
	checkNumbers(t, event.LineFields, nil)
	want := map[string]int{"source": 1, "reference": 2, "customer_id": 3, "currency": 4, "lines": 5, "total": 6,
		"metadata": 7, "sku": 1, "description": 2, "quantity": 3, "unit_price": 4}
	for _, f := range event.OrderFields {
		if f.Number != want[f.Name] {
			t.Errorf("%s has number %d; a number never changes, and a new field needs a line here", f.Name, f.Number)
		}
	}
	for _, f := range event.LineFields {
		if f.Number != want[f.Name] {
			t.Errorf("%s has number %d; a number never changes, and a new field needs a line here", f.Name, f.Number)
		}
	}
}

func checkNumbers[T any](t *testing.T, fields []event.Field[T], inRow map[string]bool) {
	t.Helper()
	taken := map[int]string{}
	for _, f := range fields {
		switch {
		case inRow[f.Name]:
			if f.Number != 0 {
				t.Errorf("%s is in the row, and has number %d", f.Name, f.Number)
			}
		case f.Number < 1 || f.Number > 63:
			t.Errorf("%s has number %d", f.Name, f.Number)
		case taken[f.Number] != "":
			t.Errorf("%s and %s have number %d", taken[f.Number], f.Name, f.Number)
		default:
			taken[f.Number] = f.Name
		}
	}
}

// FuzzContent stores anything as an order's payload, and reads anything as a packed order.
func FuzzContent(f *testing.F) {
	o := event.Order{Source: "shop", Reference: "\u2028\"\\", CustomerID: "é", Currency: "JPY", Total: -1,
		Lines:    []event.Line{{SKU: "a", Description: "\t", Quantity: 1, UnitPrice: 9}, {}},
		PlacedAt: time.Unix(1_300_000_000, 5), Metadata: map[string]string{"": "", "b": "\x7f"}}
	payload := event.Encode(&o)
	event.SetID(payload, anID)
	f.Add(payload)
	f.Add(contentOf(payload, nil).bytes)
	f.Add(bytes.ReplaceAll(payload, []byte(","), []byte(" ,")))
	f.Add([]byte(strings.Repeat("\xff", 30)))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := contentOf(b, nil)
		placedAt := time.Time{}
		if o, err := event.Decode(b); err == nil {
			placedAt = o.PlacedAt
		}
		want := bytes.Clone(b)
		if c.packed {
			event.SetID(want, anID)
		}
		if got := kept(t, c, anID, placedAt); !bytes.Equal(got, want) {
			t.Fatalf("got  %q\nwant %q", got, want)
		}
		if o, err := (content{true, b}).order(anID, time.Time{}); err == nil {
			var e codec.Encoder
			packObject(&e, packedOrder, &o)
		} else if !errors.Is(err, codec.ErrCorrupt) {
			t.Error(err)
		}
	})
}

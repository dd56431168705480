package codec_test

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"ordertally/shared/boltdb/codec"
)

var key = []byte("key")

// values are of every kind that there is.
type values struct {
	bool              bool
	byte              byte
	uint              uint64
	count, int        int64
	u32               uint32
	u64               uint64
	at, never         time.Time
	text              string
	bytes             []byte
	none, empty, some []byte
	array             [4]byte
	list              []string
	rest              []byte
}

func (v *values) encode() []byte {
	e := codec.NewRecord(3, 100)
	e.Bool(v.bool)
	e.Byte(v.byte)
	e.Uint(v.uint)
	e.Count(v.count)
	e.Int(v.int)
	e.Uint32(v.u32)
	e.Uint64(v.u64)
	e.Time(v.at)
	e.Time(v.never)
	e.Text(v.text)
	e.Bytes(v.bytes)
	e.Optional(v.none)
	e.Optional(v.empty)
	e.Optional(v.some)
	e.Raw(v.array[:])
	e.Uint(uint64(len(v.list)))
	for _, s := range v.list {
		e.Text(s)
	}
	e.Raw(v.rest)
	return e.Seal(key)
}

func decode(d *codec.Decoder) (v values) {
	v = values{
		bool: d.Bool(), byte: d.Byte(), uint: d.Uint(), count: d.Count(), int: d.Int(), u32: d.Uint32(),
		u64: d.Uint64(),
		at:  d.Time(), never: d.Time(), text: d.Text(), bytes: d.Bytes(),
		none: d.Optional(), empty: d.Optional(), some: d.Optional(),
	}
	d.Array(v.array[:])
	for n := d.Len(); n > 0 && d.Err() == nil; n-- {
		v.list = append(v.list, d.Text())
	}
	v.rest = d.Rest()
	return v
}

func sample() values {
	return values{
		bool: true, byte: 255, uint: math.MaxUint64, count: math.MaxInt64, int: math.MinInt64, u32: math.MaxUint32,
		u64: math.MaxUint64,
		at:  time.Date(1969, 12, 31, 23, 59, 58, 999_999_999, time.UTC), text: "naïve\x00", bytes: []byte{1, 2, 3},
		empty: []byte{}, some: []byte("some"), array: [4]byte{9, 8, 7, 6}, list: []string{"a", "", "ccc"},
		rest: []byte("the rest"),
	}
}

func TestRecord_ReadsWhatWasWritten(t *testing.T) {
	want := sample()
	d, err := codec.OpenRecord(key, want.encode(), 3)
	if err != nil {
		t.Fatal(err)
	}
	got := decode(&d)
	if err := d.End(); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read\n%+v\nwant\n%+v", got, want)
	}
}

func TestRecord_EveryFlippedBitIsCorrupt(t *testing.T) {
	v := sample()
	sealed := v.encode()
	for bit := range 8 * len(sealed) {
		flipped := bytes.Clone(sealed)
		flipped[bit/8] ^= 1 << (bit % 8)
		if _, err := codec.OpenRecord(key, flipped, 3); !errors.Is(err, codec.ErrCorrupt) {
			t.Fatalf("bit %d: %v", bit, err)
		}
	}
	if _, err := codec.OpenRecord([]byte("another key"), sealed, 3); !errors.Is(err, codec.ErrCorrupt) {
		t.Errorf("under another key: %v", err)
	}
}

func TestUnseal_FindsEveryFlippedBit(t *testing.T) {
	value := []byte("some value")
	sealed := codec.Seal(key, value)
	if got, err := codec.Unseal(key, sealed); err != nil || string(got) != string(value) {
		t.Fatalf("got %q, %v", got, err)
	}
	for bit := range len(sealed) * 8 {
		sealed[bit/8] ^= 1 << (bit % 8)
		if _, err := codec.Unseal(key, sealed); !errors.Is(err, codec.ErrCorrupt) {
			t.Fatalf("bit %d: %v", bit, err)
		}
		sealed[bit/8] ^= 1 << (bit % 8)
	}
	if _, err := codec.Unseal([]byte("other"), sealed); !errors.Is(err, codec.ErrCorrupt) {
		t.Fatalf("under another key: %v", err)
	}
}

func TestRecord_OfAnotherVersionIsRefused(t *testing.T) {
	v := sample()
	_, err := codec.OpenRecord(key, v.encode(), 4)
	if !errors.Is(err, codec.ErrVersion) || errors.Is(err, codec.ErrCorrupt) ||
		!strings.Contains(err.Error(), "version 3") {
		t.Errorf("version 3 read as version 4: %v", err)
	}
	if _, err := codec.OpenRecord(key, codec.Seal(key, nil), 3); !errors.Is(err, codec.ErrVersion) {
		t.Errorf("an empty record: %v", err)
	}
}

func TestRecord_CutAnywhereIsCorrupt(t *testing.T) {
	v := sample()
	v.rest = nil
	sealed := v.encode()
	value, err := codec.Unseal(key, sealed)
	if err != nil {
		t.Fatal(err)
	}
	for n := 1; n < len(value); n++ {
		d, err := codec.OpenRecord(key, codec.Seal(key, value[:n]), 3)
		if err != nil {
			t.Fatal(err)
		}
		decode(&d)
		if err := d.End(); !errors.Is(err, codec.ErrCorrupt) {
			t.Fatalf("%d of %d bytes: %v", n, len(value), err)
		}
	}
}

func TestDecoder_WhatIsLeftIsCorrupt(t *testing.T) {
	d := codec.NewDecoder([]byte{1, 2})
	d.Byte()
	if err := d.Err(); err != nil {
		t.Fatal(err)
	}
	if err := d.End(); !errors.Is(err, codec.ErrCorrupt) {
		t.Error(err)
	}
}

func TestEntry_HasNoVersion(t *testing.T) {
	e := codec.NewEntry(8)
	e.Uint64(7)
	sealed := e.Seal(key)
	if want := codec.Seal(key, []byte{0, 0, 0, 0, 0, 0, 0, 7}); !bytes.Equal(sealed, want) {
		t.Fatalf("%x, want %x", sealed, want)
	}
	d, err := codec.OpenEntry(key, sealed)
	if n := d.Uint64(); n != 7 || err != nil || d.End() != nil {
		t.Errorf("%d, %v, %v", n, err, d.End())
	}
}

func TestEncoder_ZeroValueIsReady(t *testing.T) {
	var e codec.Encoder
	e.Text("a")
	if got := e.Encoded(); string(got) != "\x01a" {
		t.Errorf("encoded %q", got)
	}
	d := codec.NewDecoder(e.Encoded())
	if got := d.Text(); got != "a" || d.End() != nil {
		t.Errorf("%q, %v", got, d.End())
	}
	if value, err := codec.Unseal(key, e.Seal(key)); string(value) != "\x01a" || err != nil {
		t.Errorf("sealed %q, %v", value, err)
	}
}

func TestDecoder_TimesKeepTheirNanosecond(t *testing.T) {
	for _, want := range []time.Time{
		{}, time.Unix(0, 0), time.Unix(0, 1), time.Unix(-1, 0), time.Unix(1_291_192_000, 999_999_999),
		time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", 3600)), time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		var e codec.Encoder
		e.Time(want)
		d := codec.NewDecoder(e.Encoded())
		if got := d.Time(); !got.Equal(want) || d.End() != nil {
			t.Errorf("%s was read as %s, %v", want, got, d.End())
		}
	}
}

// FuzzDecoder takes values in an order that the input names, from bytes that it names too.
func FuzzDecoder(f *testing.F) {
	v := sample()
	value, err := codec.Unseal(key, v.encode())
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7, 7, 8, 9, 10, 10, 10, 11, 12, 13}, value[1:])
	f.Add([]byte{8}, []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Add([]byte{12}, []byte("\xff\xff\xff\xff\x0f"))
	f.Fuzz(func(t *testing.T, take, encoded []byte) {
		d := codec.NewDecoder(encoded)
		read := 0 // bytes of texts and lists
		for _, what := range take {
			failed := d.Err() != nil
			zero := takeOne(&d, what, &read)
			if failed && !zero {
				t.Fatalf("value %d was read after a failure", what)
			}
		}
		if read > len(encoded) {
			t.Errorf("%d bytes were read from %d", read, len(encoded))
		}
		if err := d.End(); err != nil && !errors.Is(err, codec.ErrCorrupt) {
			t.Error(err)
		}
	})
}

// takeOne takes a value, and reports whether it was zero.
func takeOne(d *codec.Decoder, what byte, read *int) bool {
	var array [4]byte
	var taken []byte
	switch what % 14 {
	case 0:
		return !d.Bool()
	case 1:
		return d.Byte() == 0
	case 2:
		return d.Uint() == 0
	case 3:
		return d.Count() == 0
	case 4:
		return d.Int() == 0
	case 5:
		return d.Uint32() == 0
	case 6:
		return d.Uint64() == 0
	case 7:
		return d.Time().IsZero()
	case 8:
		taken = []byte(d.Text())
	case 9:
		taken = d.Bytes()
	case 10:
		taken = d.Optional()
	case 11:
		d.Array(array[:])
		return array == [4]byte{}
	case 12:
		n := d.Len()
		taken = d.Raw(n)
	default:
		taken = d.Rest()
	}
	*read += len(taken)
	return len(taken) == 0
}

package activitystore

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"ordertally/activity"
	"ordertally/shared/boltdb"
)

// encodeTotals returns the sealed record of a bin: count, items, both halves of units, the number of currencies, and for
// each the length of its name, the name and both halves of its sum. All numbers are uvarints, currencies are sorted.
func encodeTotals(key []byte, t *activity.Totals) []byte {
	b := make([]byte, boltdb.SealSize, boltdb.SealSize+48)
	b = binary.AppendUvarint(b, uint64(t.Count)) //nolint:gosec // counts are not negative
	b = binary.AppendUvarint(b, uint64(t.Items)) //nolint:gosec // counts are not negative
	b = appendSum(b, t.Units)
	b = binary.AppendUvarint(b, uint64(len(t.Revenue)))
	for _, currency := range slices.Sorted(maps.Keys(t.Revenue)) {
		b = binary.AppendUvarint(b, uint64(len(currency)))
		b = append(b, currency...)
		b = appendSum(b, t.Revenue[currency])
	}
	boltdb.SealInPlace(key, b)
	return b
}

func appendSum(b []byte, s activity.Sum) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, s.Hi), s.Lo)
}

// decodeTotals reads what encodeTotals wrote. The result shares no memory with the record.
func decodeTotals(key, sealed []byte) (activity.Totals, error) {
	record, err := boltdb.Unseal(key, sealed)
	if err != nil {
		return activity.Totals{}, fmt.Errorf("read statistics: %w", err)
	}
	r := reader{rest: record}
	t := activity.Totals{Count: int64(r.uvarint()), Items: int64(r.uvarint()), Units: r.sum()} //nolint:gosec // as written
	currencies := r.uvarint()
	t.Revenue = make(map[string]activity.Sum, min(currencies, 8))
	for ; currencies > 0 && !r.bad; currencies-- {
		currency := string(r.take(r.uvarint()))
		t.Revenue[currency] = r.sum()
	}
	if r.bad || len(r.rest) > 0 {
		return activity.Totals{}, fmt.Errorf("read statistics: %w: record %x has not the form of totals", boltdb.ErrCorrupt, key)
	}
	return t, nil
}

// reader takes values from the front of a record. After one that is not there it is bad and yields zeros.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) uvarint() uint64 {
	value, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.bad, r.rest = true, nil
		return 0
	}
	r.rest = r.rest[n:]
	return value
}

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return nil
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) sum() activity.Sum { return activity.Sum{Hi: r.uvarint(), Lo: r.uvarint()} }

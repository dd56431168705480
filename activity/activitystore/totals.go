package activitystore

import (
	"fmt"
	"slices"

	"ordertally/activity"
	"ordertally/activity/measure"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/event/setdigest"
)

// totalsVersion is that of a bin's record.
const totalsVersion = 5

// encodeTotals returns the sealed record of a bin: the count, first and last, the digest, when it changed and the
// offset after its last message, the figures, the tables, whether there are minutes, and the minutes. A list begins
// with its length.
func encodeTotals(key []byte, partition int32, t *activity.Totals) ([]byte, error) {
	record := codec.NewRecord(totalsVersion, 512)
	record.Count(t.Count)
	record.Time(t.First)
	record.Time(t.Last)
	digest := t.Digest.Bytes()
	record.Raw(digest[:])
	record.Time(t.Changed.At)
	record.Count(t.Changed.Next[partition])
	encodeFigures(&record, t.Figures)
	tallies := tallyEncoder{&record, t.Figures, nil}
	record.Uint(uint64(len(t.Tables)))
	for i := range t.Tables {
		tallies.table(&t.Tables[i])
	}
	record.Bool(t.Minutes != nil)
	if t.Minutes != nil {
		for i := range t.Minutes {
			tallies.tally(&t.Minutes[i])
		}
	}
	return record.Seal(key), tallies.err
}

func encodeFigures(record *codec.Encoder, figures []measure.Figure) {
	record.Uint(uint64(len(figures)))
	for i := range figures {
		record.Text(figures[i].Name)
		record.Byte(figures[i].Kind.Code)
		figures[i].Encode(record)
	}
}

// tallyEncoder names the measures of tallies by their index in the figures.
type tallyEncoder struct {
	*codec.Encoder
	figures []measure.Figure
	err     error
}

func (e *tallyEncoder) table(t *measure.Table) {
	e.Text(t.Name)
	e.Uint(uint64(len(t.Rows)))
	for i := range t.Rows {
		e.Text(t.Rows[i].Value)
		e.tally(&t.Rows[i].Tally)
	}
	e.tally(&t.Rest)
}

func (e *tallyEncoder) tally(t *measure.Tally) {
	e.Count(t.Count)
	if t.Count == 0 {
		return
	}
	e.Uint(uint64(len(t.Sums)))
	for i := range t.Sums {
		s := &t.Sums[i]
		at := slices.IndexFunc(e.figures, func(f measure.Figure) bool { return f.Name == s.Measure })
		if at < 0 {
			e.err = fmt.Errorf("measure %s has a sum and no figure", s.Measure)
		}
		e.Count(int64(at))
		e.Text(s.Group)
		s.Sum.Encode(e.Encoder)
	}
}

// detail is how much of a bin is read.
type detail uint8

const (
	onlyFigures detail = iota // neither tables nor minutes
	withTables
	withMinutes // everything
)

// decodeTotals reads what encodeTotals wrote. The result shares no memory with the record.
func decodeTotals(key []byte, partition int32, sealed []byte) (activity.Totals, error) {
	return decodeDetail(key, partition, sealed, withMinutes)
}

// decodeDetail reads as much of what encodeTotals wrote.
func decodeDetail(key []byte, partition int32, sealed []byte, what detail) (activity.Totals, error) {
	record, err := codec.OpenRecord(key, sealed, totalsVersion)
	if err != nil {
		return activity.Totals{}, fmt.Errorf("read statistics: %w", err)
	}
	t := activity.Totals{Count: record.Count(), First: record.Time(), Last: record.Time()}
	t.Digest = decodeDigest(&record)
	t.Changed = activity.Changed{At: record.Time(), Next: map[int32]int64{partition: record.Count()}}
	t.Figures = decodeFigures(&record)
	if what == onlyFigures {
		return t, unread(&record, key)
	}
	tallies := tallyDecoder{&record, t.Figures}
	for n := record.Len(); n > 0 && record.Err() == nil; n-- {
		t.Tables = append(t.Tables, tallies.table())
	}
	if what == withTables {
		return t, unread(&record, key)
	}
	if record.Bool() {
		t.Minutes = new(activity.Minutes)
		for i := range t.Minutes {
			t.Minutes[i] = tallies.tally()
		}
	}
	if err := record.End(); err != nil {
		return activity.Totals{}, fmt.Errorf("read statistics: %w (key %x)", err, key)
	}
	return t, nil
}

// unread returns what is wrong with a record of which the rest is not read.
func unread(record *codec.Decoder, key []byte) error {
	if err := record.Err(); err != nil {
		return fmt.Errorf("read statistics: %w (key %x)", err, key)
	}
	return nil
}

func decodeDigest(record *codec.Decoder) setdigest.Digest {
	var digest [setdigest.Size]byte
	record.Array(digest[:])
	return setdigest.FromBytes(digest)
}

func decodeFigures(record *codec.Decoder) []measure.Figure {
	n := record.Len()
	if n == 0 {
		return nil
	}
	figures := make([]measure.Figure, 0, min(n, 16))
	for ; n > 0 && record.Err() == nil; n-- {
		figures = append(figures, decodeFigure(record))
	}
	return figures
}

func decodeFigure(record *codec.Decoder) measure.Figure {
	name, kind := record.Text(), measure.KindOf(record.Byte())
	if kind == nil {
		record.Fail()
		return measure.Figure{}
	}
	f := measure.Figure{Name: name, Kind: kind, State: kind.New()}
	f.Decode(record)
	return f
}

// tallyDecoder reads what a tallyEncoder wrote.
type tallyDecoder struct {
	*codec.Decoder
	figures []measure.Figure
}

func (d *tallyDecoder) table() measure.Table {
	t := measure.Table{Name: d.Text()}
	for n := d.Len(); n > 0 && d.Err() == nil; n-- {
		t.Rows = append(t.Rows, measure.Row{Value: d.Text(), Tally: d.tally()})
	}
	t.Rest = d.tally()
	return t
}

func (d *tallyDecoder) tally() measure.Tally {
	t := measure.Tally{Count: d.Count()}
	if t.Count == 0 {
		return t
	}
	for n := d.Len(); n > 0 && d.Err() == nil; n-- {
		at := d.Uint()
		if at >= uint64(len(d.figures)) {
			d.Fail()
			return t
		}
		t.Sums = append(t.Sums, measure.NamedSum{
			Measure: d.figures[at].Name, Group: d.Text(), Sum: measure.DecodeSum(d.Decoder),
		})
	}
	return t
}

package activitystore

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/activity/measure"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
)

// A merged day is what the bins of one local day add up to. It is kept beside the bins, under the day's first and last
// quarter hour, so that zones with the same offset share it. A transaction that changes a bin drops all merged days
// that contain it.

var bucketMerged = []byte("merged")

const (
	mergedVersion = 1
	// maxMerged is the longest day that is kept, in quarter hours. A day of 25 hours has 100.
	maxMerged = 128
	// maxMergedTables bounds the tables of a merged day, in bytes.
	maxMergedTables = 64 << 10
)

// part is what a record of a merged day holds.
type part byte

const (
	mergedFigures part = iota // everything but tables and minutes
	mergedTables
	parts
)

// mergedState says whether a record holds its part.
type mergedState byte

const (
	beingMerged   mergedState = iota // a keeper is about to fill it, or died before it did
	isMerged                         // it holds the part
	mergedTooLong                    // the part is too large to be kept
	mergedStates
)

// mergedKey is where a part of a merged day is.
type mergedKey struct {
	activity.Span
	part part
}

const mergedKeySize = 17

func (k mergedKey) bytes() []byte {
	b := make([]byte, 0, mergedKeySize)
	b = binary.BigEndian.AppendUint64(b, uint64(k.From)) //nolint:gosec // kept days are of 1970 or later
	b = binary.BigEndian.AppendUint64(b, uint64(k.To))   //nolint:gosec // likewise
	return append(b, byte(k.part))
}

func parseMergedKey(key []byte) (mergedKey, error) {
	if len(key) != mergedKeySize {
		return mergedKey{}, fmt.Errorf("%w: merged day %x has not the form of one", boltdb.ErrCorrupt, key)
	}
	k := mergedKey{
		activity.Span{
			From: activity.Quarter(binary.BigEndian.Uint64(key)),     //nolint:gosec // as written
			To:   activity.Quarter(binary.BigEndian.Uint64(key[8:])), //nolint:gosec // as written
		}, part(key[16]),
	}
	if !k.keepable() || k.part >= parts {
		return mergedKey{}, fmt.Errorf("%w: merged day %x has not the form of one", boltdb.ErrCorrupt, key)
	}
	return k, nil
}

// keepable reports whether a merged day may have that span.
func (k mergedKey) keepable() bool { return k.From >= 0 && k.From < k.To && k.To-k.From <= maxMerged }

// compare orders keys as the file does.
func (k mergedKey) compare(other mergedKey) int {
	return cmp.Or(cmp.Compare(k.From, other.From), cmp.Compare(k.To, other.To), cmp.Compare(k.part, other.part))
}

// encodeMerged returns the record of a merged day: its state, a stamp, and the part.
func encodeMerged(key mergedKey, state mergedState, stamp activity.Stamp, t *activity.Totals) ([]byte, error) {
	record := codec.NewRecord(mergedVersion, 512)
	record.Byte(byte(state))
	record.Uint(uint64(stamp))
	var err error
	if state == isMerged {
		switch key.part {
		case mergedFigures:
			encodeMergedFigures(&record, t)
		default:
			err = encodeMergedTables(&record, t)
		}
	}
	return record.Seal(key.bytes()), err
}

func encodeMergedFigures(record *codec.Encoder, t *activity.Totals) {
	record.Count(t.Count)
	record.Time(t.First)
	record.Time(t.Last)
	digest := t.Digest.Bytes()
	record.Raw(digest[:])
	record.Time(t.Changed.At)
	record.Uint(uint64(len(t.Changed.Next)))
	for _, partition := range slices.Sorted(maps.Keys(t.Changed.Next)) {
		record.Count(int64(partition))
		record.Count(t.Changed.Next[partition])
	}
	encodeFigures(record, t.Figures)
}

// encodeMergedTables stores the names of all measures that have sums, because tallies name them by their index.
func encodeMergedTables(record *codec.Encoder, t *activity.Totals) error {
	record.Uint(uint64(len(t.Figures)))
	for i := range t.Figures {
		record.Text(t.Figures[i].Name)
	}
	tallies := tallyEncoder{record, t.Figures, nil}
	record.Uint(uint64(len(t.Tables)))
	for i := range t.Tables {
		tallies.table(&t.Tables[i])
	}
	return tallies.err
}

// openMerged reads a record up to its part.
func openMerged(key, sealed []byte) (state mergedState, stamp activity.Stamp, record codec.Decoder, err error) {
	record, err = codec.OpenRecord(key, sealed, mergedVersion)
	if err != nil {
		return 0, 0, record, fmt.Errorf("read a merged day: %w", err)
	}
	state, stamp = mergedState(record.Byte()), activity.Stamp(record.Uint())
	if state >= mergedStates || stamp <= activity.StampOfNothing {
		record.Fail()
	}
	if record.Err() == nil && state != isMerged {
		return state, stamp, record, record.End()
	}
	return state, stamp, record, record.Err()
}

// decodeMerged adds the part of a record to t.
func decodeMerged(p part, record *codec.Decoder, t *activity.Totals) error {
	switch p {
	case mergedFigures:
		t.Count, t.First, t.Last = record.Count(), record.Time(), record.Time()
		t.Digest = decodeDigest(record)
		t.Changed.At = record.Time()
		for n := record.Len(); n > 0 && record.Err() == nil; n-- {
			partition, next := record.Count(), record.Count()
			if partition > math.MaxInt32 {
				record.Fail()
				break
			}
			t.Changed.Merge(&activity.Changed{Next: map[int32]int64{int32(partition): next}}) //nolint:gosec // bounded
		}
		t.Figures = decodeFigures(record)
	default:
		var figures []measure.Figure
		for n := record.Len(); n > 0 && record.Err() == nil; n-- {
			figures = append(figures, measure.Figure{Name: record.Text()})
		}
		tallies := tallyDecoder{record, figures}
		for n := record.Len(); n > 0 && record.Err() == nil; n-- {
			t.Tables = append(t.Tables, tallies.table())
		}
	}
	if err := record.End(); err != nil {
		return fmt.Errorf("read a merged day: %w", err)
	}
	return nil
}

// dropMerged drops all merged days that contain one of the quarter hours, which are in order.
func dropMerged(root *bbolt.Bucket, changed []activity.Quarter) error {
	merged := root.Bucket(bucketMerged)
	if merged == nil {
		return nil
	}
	var gone [][]byte
	cursor := merged.Cursor()
	for _, quarter := range slices.Compact(changed) {
		first := mergedKey{Span: activity.Span{From: max(quarter-maxMerged+1, 0)}}.bytes()
		for key, _ := cursor.Seek(first); key != nil; key, _ = cursor.Next() {
			k, err := parseMergedKey(key)
			if err != nil {
				continue // it is damaged, so it is not found either
			}
			if k.From > quarter {
				break
			}
			if k.To > quarter {
				gone = append(gone, bytes.Clone(key))
			}
		}
	}
	for _, key := range gone {
		if err := merged.Delete(key); err != nil {
			return fmt.Errorf("drop a merged day: %w", err)
		}
	}
	return nil
}

// Merged calls see once for each group of spans, in order, with the totals of the whole group. What the file has merged
// is not read from bins again. All of it is of one moment and on the disk, so no crash takes it back.
//
// Spans that are over by closed and not merged yet are merged later by KeepMerged.
func (s *Store) Merged(ctx context.Context, ask activity.Ask, see activity.See) (activity.AsOf, error) {
	var asOf activity.AsOf
	r := merging{ctx: ctx, store: s, ask: &ask, asOf: &asOf, stamps: []activity.Stamp{}}
	err := s.db.View(ctx, func(tx *bbolt.Tx) error {
		root := s.root(tx)
		if root == nil {
			return ErrNoRebuild
		}
		var err error
		if asOf, err = s.asOf(root); err != nil {
			return err
		}
		r.bins, r.merged = root.Bucket(bucketBins), root.Bucket(bucketMerged)
		for i, group := range ask.Groups {
			if err := r.group(i, group, see); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return activity.AsOf{}, fmt.Errorf("read statistics of %s: %w", s.name, err)
	}
	s.keeper.asked(s.options.Clock.Now(), r.begins, r.wanted)
	return asOf, nil
}

// merging answers one Ask in its transaction.
type merging struct {
	ctx    context.Context //nolint:containedctx // of the call
	store  *Store
	ask    *activity.Ask
	bins   *bbolt.Bucket
	asOf   *activity.AsOf
	merged *bbolt.Bucket // nil if nothing was ever merged
	begins begins        // of the days that were asked for
	wanted []mergedKey   // what is not kept yet
	stamps []activity.Stamp
	found  []foundDay
}

// foundDay is what the file has of a span. Its records are nil if it has to be read from bins, and its stamp
// StampOfNothing if that has none.
type foundDay struct {
	activity.Span
	nothing bool
	records []codec.Decoder
}

func (r *merging) group(number int, spans []activity.Span, see activity.See) error {
	r.stamps, r.found = r.stamps[:0], r.found[:0]
	group := activity.Group{Number: number, AsOf: r.asOf, Load: r.load}
	known := true
	for _, span := range spans {
		found := r.find(span)
		known = known && (found.nothing || found.records != nil)
		r.found = append(r.found, found)
	}
	if known {
		group.Stamps = r.stamps
	}
	return see(group)
}

// load returns the totals of the group.
func (r *merging) load() (*activity.Totals, error) {
	whole := new(activity.Totals)
	for i := range r.found {
		if err := r.loadDay(&r.found[i], whole); err != nil {
			return nil, err
		}
	}
	return whole, nil
}

// find looks a span up, and adds its stamps.
func (r *merging) find(span activity.Span) foundDay {
	found := foundDay{Span: span}
	if (mergedKey{Span: span}).keepable() {
		r.begins.add(span)
		if r.merged != nil && r.kept(&found) {
			return found
		}
		found.records = nil
	}
	first, _ := r.bins.Cursor().Seek(binKey{quarter: max(span.From, 0)}.bytes())
	end := binKey{quarter: max(span.To, 0)}.bytes()
	if found.nothing = first == nil || bytes.Compare(first, end) >= 0; found.nothing {
		r.stamps = append(r.stamps, activity.StampOfNothing)
	} else if !span.To.Start().After(r.ask.Closed) {
		r.want(span)
	}
	return found
}

// parts are those that the question needs.
func (r *merging) parts() []part {
	if r.ask.Tables {
		return []part{mergedFigures, mergedTables}
	}
	return []part{mergedFigures}
}

// kept looks up all parts of a merged day that the question needs, and reports whether it has them.
func (r *merging) kept(found *foundDay) bool {
	for _, part := range r.parts() {
		record, stamp, state := r.record(mergedKey{found.Span, part})
		if state != isMerged {
			return false
		}
		found.records = append(found.records, record)
		r.stamps = append(r.stamps, stamp)
	}
	return true
}

// want notes what a keeper may merge.
func (r *merging) want(span activity.Span) {
	for _, part := range r.parts() {
		key := mergedKey{span, part}
		if !key.keepable() {
			return
		}
		if r.merged != nil {
			if _, _, state := r.record(key); state != beingMerged { // it is there, or too long
				continue
			}
		}
		r.wanted = append(r.wanted, key)
	}
}

// record returns a part of a merged day, and beingMerged if it is not kept. A damaged one is not: the bins have the
// truth.
func (r *merging) record(key mergedKey) (codec.Decoder, activity.Stamp, mergedState) {
	name := key.bytes()
	sealed := r.merged.Get(name)
	if sealed == nil {
		return codec.Decoder{}, 0, beingMerged
	}
	state, stamp, record, err := openMerged(name, sealed)
	if err != nil {
		r.store.db.Note(err)
		return codec.Decoder{}, 0, beingMerged
	}
	return record, stamp, state
}

// loadDay adds a span to the totals of its group.
func (r *merging) loadDay(found *foundDay, whole *activity.Totals) error {
	if found.nothing {
		return nil
	}
	if found.records == nil {
		return r.store.mergeBins(r.ctx, r.bins, found.Span, r.ask.Tables, whole)
	}
	var day activity.Totals
	for i, record := range found.records {
		if err := decodeMerged(part(i), &record, &day); err != nil {
			r.store.db.Note(err)
			return r.store.mergeBins(r.ctx, r.bins, found.Span, r.ask.Tables, whole)
		}
	}
	if whole.Count == 0 {
		*whole = day
	} else {
		whole.Merge(&day)
	}
	return nil
}

// mergeBins adds the bins of a span.
func (s *Store) mergeBins(ctx context.Context, bins *bbolt.Bucket, span activity.Span, tables bool,
	whole *activity.Totals) error {
	read := onlyFigures
	if tables {
		read = withTables
	}
	return scan(ctx, bins, span, read, func(_ activity.Quarter, t *activity.Totals) { whole.Merge(t) })
}

// checkMerged checks a merged day: it must be what its bins add up to.
func checkMerged(r *boltdb.Record, root *bbolt.Bucket) error {
	key, err := parseMergedKey(r.Key)
	if err != nil {
		return err
	}
	r.Name = fmt.Sprintf("merged day from %s to %s", key.From.Start().Format("2006-01-02 15:04"),
		key.To.Start().Format("2006-01-02 15:04"))
	state, stamp, record, err := openMerged(r.Key, r.Value)
	if err != nil || state != isMerged {
		return err
	}
	var stored activity.Totals
	if err := decodeMerged(key.part, &record, &stored); err != nil || root == nil {
		return err
	}
	var whole activity.Totals
	err = scan(context.Background(), root.Bucket(bucketBins), key.Span, withTables,
		func(_ activity.Quarter, t *activity.Totals) { whole.Merge(t) })
	if err != nil {
		return nil //nolint:nilerr // the bin has a fault of its own
	}
	want, err := encodeMerged(key, isMerged, stamp, &whole)
	if err == nil && !bytes.Equal(want, r.Value) {
		err = errors.New("it is not what its quarter hours add up to")
	}
	return err
}

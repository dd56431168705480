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

// mergeStamp tells the records of a merged day apart: no two have the same while the file is open.
type mergeStamp uint64

// firstStamp is that of the first transaction.
const firstStamp mergeStamp = 2

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
func encodeMerged(key mergedKey, state mergedState, stamp mergeStamp, t *activity.Totals) ([]byte, error) {
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
func openMerged(key, sealed []byte) (state mergedState, stamp mergeStamp, record codec.Decoder, err error) {
	record, err = codec.OpenRecord(key, sealed, mergedVersion)
	if err != nil {
		return 0, 0, record, fmt.Errorf("read a merged day: %w", err)
	}
	state, stamp = mergedState(record.Byte()), mergeStamp(record.Uint())
	if state >= mergedStates || stamp < firstStamp {
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
// is not read from bins again, and what is known in memory is not read at all. All of it is of one moment and on the
// disk, so no crash takes it back.
//
// Spans that are over by closed and not merged yet are merged later by KeepMerged.
func (s *Store) Merged(ctx context.Context, ask activity.Ask, see activity.See) (activity.AsOf, error) {
	var asOf activity.AsOf
	r := merging{ctx: ctx, store: s, ask: &ask}
	err := s.db.View(ctx, func(tx *bbolt.Tx) error {
		root := s.root(tx)
		if root == nil {
			return ErrNoRebuild
		}
		var err error
		if asOf, err = s.asOf(root); err != nil {
			return err
		}
		r.tx, r.bins, r.merged = tx.ID(), root.Bucket(bucketBins), root.Bucket(bucketMerged)
		for i, group := range ask.Groups {
			err := see(activity.Group{Number: i, AsOf: &asOf, Stamp: r.stamp(group),
				Load: func() (*activity.Totals, error) { return r.load(group) }})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return activity.AsOf{}, fmt.Errorf("read statistics of %s: %w", s.name, err)
	}
	s.keeper.asked(s.options.Clock.Now(), r.begins, r.wanted, ask.Closed)
	return asOf, nil
}

// merging answers one Ask in its transaction.
type merging struct {
	ctx    context.Context //nolint:containedctx // of the call
	store  *Store
	ask    *activity.Ask
	tx     int // the number of the transaction
	bins   *bbolt.Bucket
	merged *bbolt.Bucket // nil if nothing was ever merged
	begins begins        // of the days that were asked for
	wanted []mergedKey   // what is not kept yet
}

// stamp returns the stamp of a group, and notes that its days were asked for.
func (r *merging) stamp(days []activity.Span) activity.Stamp {
	for _, day := range days {
		if (mergedKey{Span: day}).keepable() {
			r.begins.add(day)
		}
	}
	if r.store.changes == nil {
		return 0
	}
	last := r.store.changes.last(days...)
	if last > r.tx { // a later transaction has changed it, or is about to
		return 0
	}
	return 1 + activity.Stamp(last) //nolint:gosec // not negative
}

// load returns the totals of a group.
func (r *merging) load(days []activity.Span) (*activity.Totals, error) {
	whole := new(activity.Totals)
	return whole, r.addAll(days, whole, r.addDay)
}

// addAll adds spans that follow each other to whole. It remembers the sum of all but the one that changed last.
func (r *merging) addAll(spans []activity.Span, whole *activity.Totals,
	add func(activity.Span, *activity.Totals) error) error {
	if r.store.changes != nil && len(spans) > 1 {
		hot, changed := r.store.changes.hottest(spans)
		if changed <= r.tx {
			rest, err := r.without(spans, hot, changed, add)
			if err != nil {
				return err
			}
			whole.Merge(rest)
			return add(spans[hot], whole)
		}
	}
	for _, span := range spans {
		if err := add(span, whole); err != nil {
			return err
		}
	}
	return nil
}

// without returns the totals of all spans but the hot one, which stand as they were after transaction changed. They
// must not be changed.
func (r *merging) without(spans []activity.Span, hot, changed int,
	add func(activity.Span, *activity.Totals) error) (*activity.Totals, error) {
	at := sumAt{activity.Span{From: spans[0].From, To: spans[len(spans)-1].To}, r.ask.Tables}
	if rest := r.store.sums.find(at, spans, hot, changed); rest != nil {
		return rest, nil
	}
	rest := new(activity.Totals)
	for i, span := range spans {
		if i != hot {
			if err := add(span, rest); err != nil {
				return nil, err
			}
		}
	}
	r.store.sums.keep(at, &sum{spans: slices.Clone(spans), without: hot, changed: changed, totals: rest})
	return rest, nil
}

// addDay adds a day: merged if the file has it so, otherwise from bins.
func (r *merging) addDay(day activity.Span, whole *activity.Totals) error {
	if (mergedKey{Span: day}).keepable() && r.merged != nil {
		if records := r.kept(day); records != nil {
			return r.addKept(day, records, whole)
		}
	}
	first, _ := r.bins.Cursor().Seek(binKey{quarter: max(day.From, 0)}.bytes())
	end := binKey{quarter: max(day.To, 0)}.bytes()
	if first == nil || bytes.Compare(first, end) >= 0 {
		return nil
	}
	r.want(day)
	return r.addHours(day, whole)
}

const perHour = 4

// addHours adds a day hour by hour, and addQuarters an hour by quarter hours. So what is over of a day that goes on is
// read once.
func (r *merging) addHours(day activity.Span, whole *activity.Totals) error {
	return r.addAll(cutSpan(day, perHour), whole, r.addQuarters)
}

func (r *merging) addQuarters(hour activity.Span, whole *activity.Totals) error {
	return r.addAll(cutSpan(hour, 1), whole, r.addBins)
}

func (r *merging) addBins(span activity.Span, whole *activity.Totals) error {
	return r.store.mergeBins(r.ctx, r.bins, span, r.ask.Tables, whole)
}

// cutSpan cuts a span at each multiple of a length.
func cutSpan(span activity.Span, length activity.Quarter) []activity.Span {
	pieces := make([]activity.Span, 0, (span.To-span.From)/length+2)
	for from := max(span.From, 0); from < span.To; {
		to := min(from-from%length+length, span.To)
		pieces = append(pieces, activity.Span{From: from, To: to})
		from = to
	}
	return pieces
}

// parts are those that the question needs.
func (r *merging) parts() []part {
	if r.ask.Tables {
		return []part{mergedFigures, mergedTables}
	}
	return []part{mergedFigures}
}

// kept returns all parts of a merged day that the question needs, or nil if the file does not have all of them.
func (r *merging) kept(day activity.Span) (records []codec.Decoder) {
	for _, part := range r.parts() {
		record, state := r.record(mergedKey{day, part})
		if state != isMerged {
			return nil
		}
		records = append(records, record)
	}
	return records
}

// want notes what a keeper may merge once the day is over.
func (r *merging) want(span activity.Span) {
	for _, part := range r.parts() {
		key := mergedKey{span, part}
		if !key.keepable() {
			return
		}
		if r.merged != nil {
			if _, state := r.record(key); state != beingMerged { // it is there, or too long
				continue
			}
		}
		r.wanted = append(r.wanted, key)
	}
}

// record returns a part of a merged day, and beingMerged if it is not kept. A damaged one is not: the bins have the
// truth.
func (r *merging) record(key mergedKey) (codec.Decoder, mergedState) {
	name := key.bytes()
	sealed := r.merged.Get(name)
	if sealed == nil {
		return codec.Decoder{}, beingMerged
	}
	state, _, record, err := openMerged(name, sealed)
	if err != nil {
		r.store.db.Note(err)
		return codec.Decoder{}, beingMerged
	}
	return record, state
}

// addKept adds a merged day.
func (r *merging) addKept(day activity.Span, records []codec.Decoder, whole *activity.Totals) error {
	var merged activity.Totals
	for i := range records {
		if err := decodeMerged(part(i), &records[i], &merged); err != nil {
			r.store.db.Note(err)
			return r.addBins(day, whole)
		}
	}
	if whole.Count == 0 {
		*whole = merged
	} else {
		whole.Merge(&merged)
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

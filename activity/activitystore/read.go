package activitystore

import (
	"bytes"
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/activity"
)

// ctxEvery is how many records are read between two looks at the context.
const ctxEvery = 1024

// Read calls add with the totals of each quarter hour of span, in order of time, once for each partition. It returns
// which messages they contain. All of it is of one moment and on the disk, so no crash takes it back.
func (s *Store) Read(ctx context.Context, span activity.Span,
	add func(activity.Quarter, *activity.Totals)) (activity.AsOf, error) {
	var asOf activity.AsOf
	err := s.db.View(ctx, func(tx *bbolt.Tx) error {
		root := s.root(tx)
		if root == nil {
			return ErrNoRebuild
		}
		var err error
		if asOf, err = s.asOf(root); err != nil {
			return err
		}
		return scan(ctx, root.Bucket(bucketBins), span, withMinutes, add)
	})
	if err != nil {
		return activity.AsOf{}, fmt.Errorf("read statistics of %s: %w", s.name, err)
	}
	return asOf, nil
}

// Version goes up with each commit to the file, once Read shows it.
func (s *Store) Version() int64 { return s.db.Version() }

// AsOf returns which messages were applied.
func (s *Store) AsOf(ctx context.Context) (activity.AsOf, error) {
	return s.Read(ctx, activity.Span{}, nil)
}

func (s *Store) asOf(root *bbolt.Bucket) (activity.AsOf, error) {
	st, err := readState(root)
	if err != nil {
		return activity.AsOf{}, err
	}
	next, err := readPositions(s.positions(root))
	return activity.AsOf{At: st.At, Event: st.Event, Since: st.since(), Next: next}, err
}

// scan calls add with each bin of a span.
func scan(ctx context.Context, bins *bbolt.Bucket, span activity.Span, what detail,
	add func(activity.Quarter, *activity.Totals)) error {
	from, to := max(span.From, 0), max(span.To, 0) // no event is older than 1970
	if from >= to {
		return nil
	}
	end := binKey{quarter: to}.bytes()
	cursor := bins.Cursor()
	read := 0
	for key, sealed := cursor.Seek(binKey{quarter: from}.bytes()); key != nil && bytes.Compare(key, end) < 0; key,
		sealed = cursor.Next() {
		if read++; read%ctxEvery == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		bin, err := parseBinKey(key)
		if err != nil {
			return err
		}
		totals, err := decodeDetail(key, bin.partition, sealed, what)
		if err != nil {
			return err
		}
		add(bin.quarter, &totals)
	}
	return nil
}

package activitystore

import (
	"context"
	"fmt"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/shared/boltdb"
)

// keyReading holds a reading for each topic.
var keyReading = []byte("reading")

// reading is what a run leaves in the file in case it does not end in order. It costs one transaction at the start and
// one at the end. Only a run that reads batch by batch writes more.
type reading struct {
	Begun  map[int32]int64   `json:"begun"` // where the partitions stood when the run began
	Deaths int               `json:"deaths"`
	At     *activity.Suspect `json:"at,omitempty"`   // what it reads, batch by batch
	Died   *activity.Suspect `json:"died,omitempty"` // where the run before it died
}

// BeginReading notes that a run begins to read, and returns what is known of earlier runs. EndReading removes the note.
func (s *Store) BeginReading(ctx context.Context) (activity.Suspicion, error) {
	var found activity.Suspicion
	err := s.updateReading(ctx, func(root *bbolt.Bucket, last *reading) (*reading, error) {
		now, err := s.offsets(root)
		if err != nil || last == nil {
			return &reading{Begun: now}, err
		}
		found = activity.Suspicion{Deaths: last.Deaths + 1, Moved: make(map[int32]bool)}
		for partition, offset := range now {
			if last.Begun[partition] != offset {
				found.Moved[partition] = true
			}
		}
		if at := last.At; at != nil {
			if died := last.Died; died != nil && died.Partition == at.Partition && died.Offset == at.Offset {
				at.Deaths = died.Deaths
			}
			at.Deaths++
			found.Suspect = at
			delete(found.Moved, at.Partition)
		}
		return &reading{Begun: now, Deaths: found.Deaths, Died: found.Suspect}, nil
	})
	if err != nil {
		return activity.Suspicion{}, fmt.Errorf("note that reading begins: %w", err)
	}
	return found, nil
}

// ReadingAt notes the offset that is read next, because what stands there may end the process.
func (s *Store) ReadingAt(ctx context.Context, partition int32, offset int64) error {
	err := s.updateReading(ctx, func(_ *bbolt.Bucket, last *reading) (*reading, error) {
		if last == nil {
			last = &reading{}
		}
		last.At = &activity.Suspect{Partition: partition, Offset: offset}
		return last, nil
	})
	if err != nil {
		return fmt.Errorf("note what is read: %w", err)
	}
	return nil
}

// ReadingWell notes that nothing suspected ended the process. If not all of it was read, the next run that does not end
// in order raises suspicion at once.
func (s *Store) ReadingWell(ctx context.Context, all bool) error {
	err := s.updateReading(ctx, func(root *bbolt.Bucket, _ *reading) (*reading, error) {
		now, err := s.offsets(root)
		next := &reading{Begun: now}
		if !all {
			next.Deaths = 1
		}
		return next, err
	})
	if err != nil {
		return fmt.Errorf("note that reading goes well: %w", err)
	}
	return nil
}

// EndReading notes that the run ends in order.
func (s *Store) EndReading(ctx context.Context) error {
	err := s.updateReading(ctx, func(*bbolt.Bucket, *reading) (*reading, error) { return nil, nil })
	if err != nil {
		return fmt.Errorf("note that reading has ended: %w", err)
	}
	return nil
}

// updateReading calls change with what the last run left, or nil, and stores what change returns. Nil removes it.
func (s *Store) updateReading(ctx context.Context, change func(*bbolt.Bucket, *reading) (*reading, error)) error {
	return s.db.Write(ctx, func(tx *boltdb.Tx) error {
		root := s.root(tx.Tx)
		bucket, err := root.CreateBucketIfNotExists(keyReading)
		if err != nil {
			return err
		}
		var last *reading
		if sealed := bucket.Get(s.topic); sealed != nil {
			last = new(reading)
			if err := readJSON(s.topic, sealed, last); err != nil {
				return err
			}
		}
		next, err := change(root, last)
		if err != nil {
			return err
		}
		if next == nil {
			return bucket.Delete(s.topic)
		}
		return putJSON(bucket, s.topic, next)
	})
}

// offsets returns the next offset of each partition.
func (s *Store) offsets(root *bbolt.Bucket) (map[int32]int64, error) {
	positions, err := readPositions(s.positions(root))
	offsets := make(map[int32]int64, len(positions))
	for partition, position := range positions {
		offsets[partition] = position.Offset
	}
	return offsets, err
}

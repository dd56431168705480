package activitystore

import (
	"context"
	"fmt"
	"maps"

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

// BeginReading notes that a run begins to read, and returns what is known of earlier runs. Activities that were read
// apart know different things. EndReading removes the note.
func (g Stores) BeginReading(ctx context.Context) (activity.Suspicion, error) {
	var found []activity.Suspicion
	err := g.updateReading(ctx, func(now map[int32]int64, last *reading) *reading {
		next := &reading{Begun: now}
		if last != nil {
			s := last.suspicion(now)
			next.Deaths, next.Died = s.Deaths, s.Suspect
			found = append(found, s)
		}
		return next
	})
	if err != nil {
		return activity.Suspicion{}, fmt.Errorf("note that reading begins: %w", err)
	}
	return worst(found), nil
}

// worst returns the suspicion with the most deaths, and of those one with a suspect. A partition is not suspected only
// if none of them suspects it. found may have a suspicion twice, because a transaction may run again.
func worst(found []activity.Suspicion) (worst activity.Suspicion) {
	for _, s := range found {
		if s.Deaths > worst.Deaths || s.Deaths == worst.Deaths && worst.Suspect == nil {
			worst = s
		}
	}
	moved := maps.Clone(worst.Moved)
	for _, s := range found {
		maps.DeleteFunc(moved, func(partition int32, _ bool) bool { return !s.Moved[partition] })
	}
	worst.Moved = moved
	return worst
}

// suspicion is what a note says that a run left which did not end in order. now are the offsets that it got to.
func (r *reading) suspicion(now map[int32]int64) activity.Suspicion {
	s := activity.Suspicion{Deaths: r.Deaths + 1, Moved: make(map[int32]bool)}
	for partition, offset := range now {
		if r.Begun[partition] != offset {
			s.Moved[partition] = true
		}
	}
	if at := r.At; at != nil {
		if died := r.Died; died != nil && died.Partition == at.Partition && died.Offset == at.Offset {
			at.Deaths = died.Deaths
		}
		at.Deaths++
		s.Suspect = at
		delete(s.Moved, at.Partition)
	}
	return s
}

// ReadingAt notes the offset that is read next, because what stands there may end the process.
func (g Stores) ReadingAt(ctx context.Context, partition int32, offset int64) error {
	err := g.updateReading(ctx, func(_ map[int32]int64, last *reading) *reading {
		if last == nil {
			last = &reading{}
		}
		last.At = &activity.Suspect{Partition: partition, Offset: offset}
		return last
	})
	if err != nil {
		return fmt.Errorf("note what is read: %w", err)
	}
	return nil
}

// ReadingWell notes that nothing suspected ended the process. If not all of it was read, the next run that does not end
// in order raises suspicion at once.
func (g Stores) ReadingWell(ctx context.Context, all bool) error {
	err := g.updateReading(ctx, func(now map[int32]int64, _ *reading) *reading {
		next := &reading{Begun: now}
		if !all {
			next.Deaths = 1
		}
		return next
	})
	if err != nil {
		return fmt.Errorf("note that reading goes well: %w", err)
	}
	return nil
}

// EndReading notes that the run ends in order.
func (g Stores) EndReading(ctx context.Context) error {
	err := g.updateReading(ctx, func(map[int32]int64, *reading) *reading { return nil })
	if err != nil {
		return fmt.Errorf("note that reading has ended: %w", err)
	}
	return nil
}

// updateReading calls change for each store, with the next offset of each partition and what the last run left, or nil.
// It stores what change returns. Nil removes it.
func (g Stores) updateReading(
	ctx context.Context, change func(now map[int32]int64, last *reading) *reading,
) error {
	return g[0].db.Write(ctx, func(tx *boltdb.Tx) error {
		for _, s := range g {
			if err := s.updateReading(tx.Tx, change); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Store) updateReading(tx *bbolt.Tx, change func(now map[int32]int64, last *reading) *reading) error {
	root := s.root(tx)
	bucket, err := root.CreateBucketIfNotExists(keyReading)
	if err != nil {
		return err
	}
	now, err := s.offsets(root)
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
	next := change(now, last)
	if next == nil {
		return bucket.Delete(s.topic)
	}
	return putJSON(bucket, s.topic, next)
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

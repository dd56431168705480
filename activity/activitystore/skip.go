package activitystore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/shared/boltdb"
	"ordertally/shared/parked"
)

// Skip moves the positions of all activities that read the topic past a range of offsets, whose records are never read.
// It keeps the range in the parked ledger and in the audit, and returns the activities. Everything before the range
// must have been counted; otherwise Skip changes nothing, and the error has the current position.
//
// It is for the file of a stopped service.
func Skip(ctx context.Context, db *boltdb.DB, skip activity.Skip, options Options) (names []string, err error) {
	if skip.Partition < 0 || skip.From < 0 || skip.To < skip.From {
		return nil, fmt.Errorf(
			"offsets %d to %d of partition %d are not a valid range",
			skip.From,
			skip.To,
			skip.Partition,
		)
	}
	if skip.Reason == "" {
		return nil, errors.New("a reason is needed")
	}
	now := options.withDefaults().Clock.Now().UTC()
	err = db.Write(ctx, func(tx *boltdb.Tx) error {
		names = nil
		var elsewhere error
		err := tx.ForEach(func(name []byte, root *bbolt.Bucket) error {
			positions := root.Bucket(bucketPositions)
			if positions == nil || positions.Bucket([]byte(skip.Topic)) == nil {
				return nil
			}
			s := &Store{
				db:      db,
				name:    append([]byte(nil), name...),
				topic:   []byte(skip.Topic),
				options: options.withDefaults(),
			}
			stands, err := s.skip(root, &skip, now)
			if err != nil {
				return err
			}
			if stands != skip.From {
				elsewhere = fmt.Errorf(
					"%s reads partition %d of topic %s at offset %d next, not at %d: nothing was skipped",
					name,
					skip.Partition,
					skip.Topic,
					stands,
					skip.From,
				)
				return nil
			}
			names = append(names, string(name))
			return nil
		})
		switch {
		case err != nil:
			return err
		case len(names) > 0:
			return nil
		case elsewhere == nil:
			elsewhere = fmt.Errorf("no activity in the file reads topic %s", skip.Topic)
		}
		return boltdb.Refuse(elsewhere)
	})
	if err != nil {
		return nil, fmt.Errorf("skip in %s: %w", db.Path(), err)
	}
	return names, nil
}

// skip skips the range for one activity if its next offset is the first of the range. It returns the next offset.
func (s *Store) skip(root *bbolt.Bucket, skip *activity.Skip, now time.Time) (stands int64, err error) {
	positions, err := readPositions(s.positions(root))
	if err != nil {
		return 0, err
	}
	position, known := positions[skip.Partition]
	if !known {
		position.LeaderEpoch = -1
	}
	if position.Offset != skip.From {
		return position.Offset, nil
	}
	// Without checkpoints reading begins there. With them it would begin at the record before, and fetch the one to
	// skip.
	next := activity.Position{Offset: skip.To + 1, LeaderEpoch: -1, TopicID: position.TopicID}
	if err := putPositions(
		s.positions(root),
		map[int32]activity.Position{skip.Partition: next},
		map[int32]int64{skip.Partition: position.Furthest},
	); err != nil {
		return 0, err
	}
	detail := "An operator had it passed over: it was never read. Read it from Kafka."
	if skip.To > skip.From {
		detail = fmt.Sprintf(
			"An operator had offsets %d to %d passed over: they were never read. Read them from Kafka.",
			skip.From,
			skip.To,
		)
	}
	skipped := activity.Parked{Partition: skip.Partition, Offset: skip.From, LeaderEpoch: -1, Timestamp: now,
		Poison: activity.Poison{Reason: activity.ReasonSkipped, Detail: detail}}
	key, _ := encodeKept(&activity.Kept{Parked: skipped, At: now})
	entry := parked.AuditEntry{At: now, Ledger: string(activity.ParkedLedger), Verb: parked.Skip, ID: entryID(key),
		Class: string(activity.ReasonSkipped), Reason: skip.Reason, By: skip.By}
	err = updateState(root, func(st *state) error {
		if err := s.keep(root, activity.ParkedLedger, []activity.Parked{skipped}, now, st); err != nil {
			return err
		}
		return parked.PutAudit(root.Bucket(bucketAudit), &entry)
	})
	if err == nil && root.Bucket(keyReading) != nil {
		err = root.Bucket(keyReading).Delete(s.topic)
	}
	return skip.From, err
}

package activitystore

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/shared/boltdb"
)

// bucketIncidents has the incidents by number. It is made with the first one.
var bucketIncidents = []byte("incidents")

// maxIncidents is how many are kept. The oldest go first.
const maxIncidents = 1000

// Incidents returns the newest incidents, at most limit, the newest first.
func (s *Store) Incidents(ctx context.Context, limit int) (newest []activity.Incident, err error) {
	err = s.db.View(ctx, func(tx *bbolt.Tx) error {
		bucket := s.root(tx).Bucket(bucketIncidents)
		if bucket == nil {
			return nil
		}
		cursor := bucket.Cursor()
		for key, sealed := cursor.Last(); key != nil && len(newest) < limit; key, sealed = cursor.Prev() {
			i, err := readIncident(key, sealed)
			if err != nil {
				return err
			}
			newest = append(newest, i)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the incidents of %s: %w", s.name, err)
	}
	return newest, nil
}

// noteIncidents stores what was found with a batch. A rebuild reads what the activity has read: it finds nothing new.
func (s *Store) noteIncidents(
	root *bbolt.Bucket, batch *activity.Batch, decided []activity.Verdict, now time.Time,
) error {
	found := slices.Clone(batch.Incidents)
	if forged, ok := forgedIn(batch, decided); ok {
		found = append(found, forged)
	}
	if len(found) == 0 || s.beside {
		return nil
	}
	bucket, err := root.CreateBucketIfNotExists(bucketIncidents)
	if err != nil {
		return err
	}
	number := uint64(0)
	if last, _ := bucket.Cursor().Last(); len(last) == 8 {
		number = binary.BigEndian.Uint64(last)
	}
	for _, i := range found {
		number++
		i.At = now
		if err := putJSON(bucket, incidentKey(number), i); err != nil {
			return fmt.Errorf("store an incident: %w", err)
		}
		if number > maxIncidents {
			if err := bucket.Delete(incidentKey(number - maxIncidents)); err != nil {
				return err
			}
		}
	}
	return nil
}

// forgedIn tells of messages that were counted although their slots were covered.
func forgedIn(batch *activity.Batch, decided []activity.Verdict) (found activity.Incident, ok bool) {
	first := slices.Index(decided, activity.VerdictCovered)
	if first < 0 {
		return found, false
	}
	n := int64(0)
	for _, verdict := range decided {
		if verdict == activity.VerdictCovered {
			n++
		}
	}
	m := &batch.Messages[first]
	return activity.Incident{
		Kind: activity.IncidentForged, Partition: m.Partition, Offset: m.Offset, Messages: n,
		Text: fmt.Sprintf("another program writes a lineage and sequence numbers that are not its own: counted %d "+
			"whose "+
			"sequence number was covered already. The first is message %.80q, number %d of lineage %.80q.", n, m.ID,
			m.Sequence, m.Lineage),
	}, true
}

func incidentKey(number uint64) []byte { return binary.BigEndian.AppendUint64(nil, number) }

func readIncident(key, sealed []byte) (i activity.Incident, err error) {
	if len(key) != 8 {
		return i, fmt.Errorf("%w: incident %x has not the number of one", boltdb.ErrCorrupt, key)
	}
	if err := readJSON(key, sealed, &i); err != nil {
		return i, fmt.Errorf("read incident %d: %w", binary.BigEndian.Uint64(key), err)
	}
	return i, nil
}

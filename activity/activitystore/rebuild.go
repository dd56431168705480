package activitystore

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/shared/boltdb"
	"ordertally/shared/parked"
)

// ErrNoRebuild says that the activity is not being counted again. ErrNotLevel says that the rebuild has not read the
// same records.
var (
	ErrNoRebuild error = &activity.Error{Code: activity.CodeNoRebuild,
		Detail: "The activity is not being counted again."}
	ErrNotLevel error = &activity.Error{Code: activity.CodeRebuildBehind,
		Detail: "The rebuild has not read as far as the activity: try again."}
)

// RebuildLedger is what audit entries about rebuilds name as their ledger.
const RebuildLedger = "rebuild"

var (
	bucketRebuild = []byte("rebuild")
	// bucketReplaced holds what is not used any more, below a number, until it is dropped in steps.
	bucketReplaced = []byte("replaced")
	keyRebuild     = []byte("rebuild")
)

// Rebuild is a second count of an activity, beside the first in the same file. It begins at the start of the topic. Its
// methods are those of a Store. Swap makes it the first.
type Rebuild struct {
	*Store
	Begun activity.Rebuilding
}

// rebuilding is what is stored of a Rebuild.
type rebuilding struct {
	activity.Rebuilding
	Declared string `json:"declared"` // how the activity was declared when it began
}

// BeginRebuild begins to count the activity again, from nothing. If that is under way already it returns what is there.
// The decision gets an audit entry.
func (s *Store) BeginRebuild(ctx context.Context, d parked.Decision) (*Rebuild, error) {
	beside := s.besides()
	err := s.db.Write(ctx, func(tx *boltdb.Tx) error {
		root := tx.Bucket(s.name)
		if root.Bucket(bucketRebuild) != nil {
			return nil
		}
		called, err := namesOf(root)
		if err != nil {
			return err
		}
		if len(called.Topics) > 1 {
			return boltdb.Refuse(&activity.Error{Code: activity.CodeNotRebuildable, Detail: fmt.Sprintf(
				"The activity was read from the topics %s. What it counted of an earlier one cannot be counted again "+
					"from %s.", strings.Join(called.Topics, ", "), s.topic)})
		}
		now := s.options.Clock.Now().UTC()
		if err := beside.beginAt(tx.Tx, now, d.By); err != nil {
			return err
		}
		return s.auditRebuild(root, parked.Rebuild, now, d)
	})
	if err != nil {
		return nil, fmt.Errorf("begin to count %s again: %w", s.name, err)
	}
	return s.Rebuild(ctx)
}

// Rebuild returns the rebuild that is under way. The error is ErrNoRebuild if there is none. One that began under
// another declaration begins anew.
func (s *Store) Rebuild(ctx context.Context) (*Rebuild, error) {
	beside := s.besides()
	var stored rebuilding
	err := s.db.Write(ctx, func(tx *boltdb.Tx) error {
		root := beside.root(tx.Tx)
		if root == nil {
			return boltdb.Refuse(ErrNoRebuild)
		}
		if err := readJSON(keyRebuild, root.Get(keyRebuild), &stored); err != nil {
			return fmt.Errorf("read what is known of the rebuild: %w", err)
		}
		if stored.Declared == fingerprint(&s.def) {
			return beside.create(tx.Tx)
		}
		if err := retire(tx.Bucket(s.name)); err != nil {
			return err
		}
		stored.Began = s.options.Clock.Now().UTC()
		return beside.beginAt(tx.Tx, stored.Began, stored.By)
	})
	if err != nil {
		return nil, err
	}
	return &Rebuild{beside, stored.Rebuilding}, nil
}

// LookAtRebuild returns the rebuild that is under way, to read from. The error may be ErrNoRebuild.
func (s *Store) LookAtRebuild(ctx context.Context) (*Rebuild, error) {
	beside := s.besides()
	var stored rebuilding
	err := s.db.View(ctx, func(tx *bbolt.Tx) error {
		root := beside.root(tx)
		if root == nil {
			return ErrNoRebuild
		}
		return readJSON(keyRebuild, root.Get(keyRebuild), &stored)
	})
	if err != nil {
		return nil, fmt.Errorf("look at the rebuild of %s: %w", s.name, err)
	}
	return &Rebuild{beside, stored.Rebuilding}, nil
}

// besides returns the store of the rebuild, whether there is one or not.
func (s *Store) besides() *Store {
	beside := *s
	beside.beside, beside.keeper = true, nil
	beside.changes, beside.sums, beside.replaces = nil, nil, s.changes
	return &beside
}

// beginAt makes the buckets of a rebuild, and notes when it began.
func (s *Store) beginAt(tx *bbolt.Tx, now time.Time, by string) error {
	if err := s.create(tx); err != nil {
		return err
	}
	return putJSON(s.root(tx), keyRebuild,
		rebuilding{activity.Rebuilding{Began: now, By: by}, fingerprint(&s.def)})
}

func (s *Store) auditRebuild(root *bbolt.Bucket, verb parked.Verb, now time.Time, d parked.Decision) error {
	return parked.PutAudit(root.Bucket(bucketAudit), &parked.AuditEntry{At: now, Ledger: RebuildLedger, Verb: verb,
		ID: string(s.name), Reason: d.Reason, By: d.By})
}

// fingerprint identifies how an activity is declared.
func fingerprint(def *activity.Definition) string {
	var b strings.Builder
	fmt.Fprintln(&b, def.Topic, def.Type, def.Schema, def.TypeAt, def.ID, def.At, def.AtForm.Record, def.AtForm.Unit,
		def.Subject, def.Source, def.Others, def.OthersPark)
	for _, m := range def.Measures {
		fmt.Fprintln(&b, m.Name, m)
	}
	for _, d := range def.Dimensions {
		fmt.Fprintln(&b, d.Name, d.Path, d.Single)
	}
	for i := range def.Rules {
		fmt.Fprintln(&b, def.Rules[i])
	}
	return b.String()
}

// DiscardRebuild gives the rebuild up. Nothing may write to it any more. The error may be ErrNoRebuild.
func (s *Store) DiscardRebuild(ctx context.Context, d parked.Decision) error {
	err := s.db.Write(ctx, func(tx *boltdb.Tx) error {
		root := tx.Bucket(s.name)
		if root.Bucket(bucketRebuild) == nil {
			return boltdb.Refuse(ErrNoRebuild)
		}
		if err := retire(root); err != nil {
			return err
		}
		return s.auditRebuild(root, parked.Discard, s.options.Clock.Now().UTC(), d)
	})
	if err != nil {
		return fmt.Errorf("discard the rebuild of %s: %w", s.name, err)
	}
	return nil
}

// rebuiltBuckets are those that a swap replaces. Positions and audit stay.
func rebuiltBuckets() [][]byte {
	return append(ledgerBuckets(), bucketBins, bucketInbox, bucketIndexes)
}

// replace moves buckets out of use, from an activity or from its rebuild. It returns where they are.
func replace(root, from *bbolt.Bucket, names ...[]byte) (*bbolt.Bucket, error) {
	all, err := root.CreateBucketIfNotExists(bucketReplaced)
	if err != nil {
		return nil, err
	}
	number := uint64(0)
	if last, _ := all.Cursor().Last(); len(last) == 8 {
		number = binary.BigEndian.Uint64(last) + 1
	}
	old, err := all.CreateBucket(binary.BigEndian.AppendUint64(nil, number))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := from.MoveBucket(name, old); err != nil {
			return nil, fmt.Errorf("move %s out of use: %w", name, err)
		}
	}
	return old, nil
}

// retire moves the large buckets that are left of a rebuild out of use, and deletes the rest.
func retire(root *bbolt.Bucket) error {
	rebuilt := root.Bucket(bucketRebuild)
	left := slices.DeleteFunc(rebuiltBuckets(), func(name []byte) bool { return rebuilt.Bucket(name) == nil })
	if _, err := replace(root, rebuilt, left...); err != nil {
		return err
	}
	return root.DeleteBucket(bucketRebuild)
}

// dropStep is how many records one transaction drops.
const dropStep = 500

// DropReplaced drops some of what a swap or DiscardRebuild moved out of use. It reports whether more is left.
func (s *Store) DropReplaced(ctx context.Context) (more bool, err error) {
	err = s.db.View(ctx, func(tx *bbolt.Tx) error {
		more = tx.Bucket(s.name).Bucket(bucketReplaced) != nil
		return nil
	})
	if err != nil || !more {
		return false, err
	}
	err = s.db.Write(ctx, func(tx *boltdb.Tx) error {
		left := dropStep
		more, err = drop(tx.Bucket(s.name), bucketReplaced, &left)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("drop what %s does not use any more: %w", s.name, err)
	}
	return more, nil
}

// drop deletes a bucket, or as many records of it as left allows. It reports whether it is still there.
func drop(parent *bbolt.Bucket, name []byte, left *int) (more bool, err error) {
	bucket := parent.Bucket(name)
	var records, buckets [][]byte
	cursor := bucket.Cursor()
	for key, value := cursor.First(); key != nil && len(records) <= *left; key, value = cursor.Next() {
		if value == nil {
			buckets = append(buckets, slices.Clone(key))
		} else {
			records = append(records, slices.Clone(key))
		}
	}
	for _, inner := range buckets {
		if more, err := drop(bucket, inner, left); more || err != nil {
			return true, err
		}
	}
	for _, key := range records {
		if *left--; *left < 0 {
			return true, nil
		}
		if err := bucket.Delete(key); err != nil {
			return true, err
		}
	}
	if *left--; *left < 0 {
		return true, nil
	}
	return false, parent.DeleteBucket(name)
}

// level refuses a rebuild that stands elsewhere than the activity.
func (r *Rebuild) level(tx *bbolt.Tx) error {
	live, err := readPositions(r.positions(tx.Bucket(r.name)))
	if err != nil {
		return err
	}
	own, err := readPositions(r.positions(r.root(tx)))
	if err != nil {
		return err
	}
	for partition, position := range live {
		if at := own[partition].Offset; at != position.Offset {
			return boltdb.Refuse(fmt.Errorf("%w: partition %d is at offset %d, not %d", ErrNotLevel, partition, at,
				position.Offset))
		}
	}
	return nil
}

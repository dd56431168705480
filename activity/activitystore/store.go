package activitystore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/settings"
)

// Options of Open. The zero value is ready for use. Some are settings.
type Options struct {
	// How long to recognise a foreign message that comes again.
	DedupRetention time.Duration `name:"dedup-retention" default:"336h0m0s" range:"1s.."`
	// Most bytes of parked messages of an activity, and of late ones; of more only the position is kept.
	LedgerBytes int64 `name:"ledger-bytes" default:"1073741824" range:"1.." unit:"bytes"`
	// How long parked and late messages are kept.
	LedgerRetention time.Duration `name:"ledger-retention" default:"2160h0m0s" range:"1s.."`

	// Clock tells when a batch is applied. Default clock.System.
	Clock clock.Clock `kong:"-"`
}

func (o Options) withDefaults() Options {
	settings.Fill(&o)
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	return o
}

// Store is what one database file knows of one activity. It is safe for concurrent use.
type Store struct {
	db      *boltdb.DB
	def     activity.Definition
	name    []byte
	topic   []byte
	options Options
	beside  bool // it is a rebuild: see Rebuild
	keeper  *keeper
	// changes and sums are those of the activity's bins, nil for a rebuild. A swap notes in replaces that it changes
	// the activity's bins.
	changes  *changes
	sums     *sums
	replaces *changes
}

// Format is that of an activity file.
var Format = boltdb.Format{Service: "activity", Number: 6}

var (
	bucketBins      = []byte("bins")
	bucketInbox     = []byte("inbox")
	bucketPositions = []byte("positions")
	bucketIndexes   = []byte("indexes")
	bucketAges      = []byte("ages")
	bucketIDs       = []byte("ids")
	bucketOverflow  = []byte("overflow")
	bucketAudit     = []byte("audit")
	keyState        = []byte("state")
	keyNames        = []byte("names")
)

// Open prepares the store of one activity in a database of that Format, which stays the caller's to close. The store
// remembers what it read. So nothing but that store, and the rebuilds that it begins, may write to the activity while
// it is in use.
func Open(ctx context.Context, db *boltdb.DB, def activity.Definition, options Options) (*Store, error) {
	options = options.withDefaults()
	s := &Store{db: db, def: def, name: []byte(def.Name), topic: []byte(def.Topic), options: options,
		keeper: newKeeper(), changes: newChanges(), sums: newSums()}
	err := db.Write(ctx, func(tx *boltdb.Tx) error {
		return s.create(tx.Tx)
	})
	if err != nil {
		return nil, fmt.Errorf("open activity %s in %s: %w", def.Name, db.Path(), err)
	}
	return s, nil
}

// root returns the bucket of the activity, or of its rebuild. It is nil if there is no rebuild.
func (s *Store) root(tx *bbolt.Tx) *bbolt.Bucket {
	root := tx.Bucket(s.name)
	if s.beside && root != nil {
		return root.Bucket(bucketRebuild)
	}
	return root
}

// create makes the buckets that are not there yet.
func (s *Store) create(tx *bbolt.Tx) error {
	paths := [][][]byte{{bucketBins}, {bucketInbox}, {bucketPositions, s.topic}, {bucketAudit}}
	for _, name := range activity.AllLedgers() {
		paths = append(paths, [][]byte{[]byte(name), s.topic})
	}
	for _, path := range paths {
		bucket, err := tx.CreateBucketIfNotExists(s.name)
		if err == nil && s.beside {
			bucket, err = bucket.CreateBucketIfNotExists(bucketRebuild)
		}
		for _, name := range path {
			if err == nil {
				bucket, err = bucket.CreateBucketIfNotExists(name)
			}
		}
		if err != nil {
			return err
		}
	}
	root := s.root(tx)
	if err := s.putNames(root); err != nil {
		return err
	}
	if err := createIndexes(root); err != nil {
		return err
	}
	return checkDeclared(root, &s.def)
}

// names are those of an activity and of the topics that it was read from. A bucket's name has no checksum, this record
// has.
type names struct {
	Activity string   `json:"activity"`
	Topics   []string `json:"topics"`
}

// putNames notes what the activity and its topic are called.
func (s *Store) putNames(root *bbolt.Bucket) error {
	var known names
	if sealed := root.Get(keyNames); sealed != nil {
		if err := readJSON(keyNames, sealed, &known); err != nil {
			return fmt.Errorf("read the names of the activity: %w", err)
		}
		if known.Activity != string(s.name) {
			return fmt.Errorf(
				"%w: the bucket of activity %q calls itself %q",
				boltdb.ErrCorrupt,
				s.name,
				known.Activity,
			)
		}
	}
	known.Activity = string(s.name)
	if !slices.Contains(known.Topics, string(s.topic)) {
		known.Topics = append(known.Topics, string(s.topic))
	}
	return putJSON(root, keyNames, known)
}

func (s *Store) positions(root *bbolt.Bucket) *bbolt.Bucket {
	return root.Bucket(bucketPositions).Bucket(s.topic)
}

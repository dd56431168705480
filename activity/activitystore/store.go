package activitystore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/activity"
	"ordertally/shared/auth"
	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
	"ordertally/shared/clock"
)

// Options of Open. The zero value is ready for use.
type Options struct {
	// Clock tells when a batch is applied. Default clock.System.
	Clock clock.Clock
	// DedupRetention is how long the ids of messages are kept. Default inbox.DefaultRetention.
	DedupRetention time.Duration
	// LedgerBytes bounds the messages of each ledger. Default 1 GiB.
	LedgerBytes int64
	// LedgerRetention is how long they are kept. Default 90 days.
	LedgerRetention time.Duration
}

// The defaults of Options.
const (
	DefaultLedgerBytes     = 1 << 30
	DefaultLedgerRetention = 90 * 24 * time.Hour
)

func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.LedgerBytes <= 0 {
		o.LedgerBytes = DefaultLedgerBytes
	}
	if o.LedgerRetention <= 0 {
		o.LedgerRetention = DefaultLedgerRetention
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
}

// format names the file's layout. A program that changes the layout changes the number.
const (
	format = "ordertally-activity/3"
)

var (
	bucketMeta      = []byte("meta")
	bucketBins      = []byte("bins")
	bucketInbox     = []byte("inbox")
	bucketPositions = []byte("positions")
	bucketIndexes   = []byte("indexes")
	bucketAges      = []byte("ages")
	bucketIDs       = []byte("ids")
	bucketOverflow  = []byte("overflow")
	bucketAudit     = []byte("audit")
	keyFormat       = []byte("format")
	keyState        = []byte("state")
	keyNames        = []byte("names")
)

// Open prepares the store of one activity in a database, which stays the caller's to close. It fails when the file is
// not one of the activity service, or of another format; such a file is left as it is.
func Open(ctx context.Context, db *boltdb.DB, def activity.Definition, options Options) (*Store, error) {
	options = options.withDefaults()
	s := &Store{db: db, def: def, name: []byte(def.Name), topic: []byte(def.Topic), options: options}
	err := db.Write(ctx, func(tx *boltdb.Tx) error {
		if err := checkFormat(tx.Tx); err != nil {
			return boltdb.Refuse(err)
		}
		return s.create(tx.Tx)
	})
	if err != nil {
		return nil, fmt.Errorf("open activity %s in %s: %w", def.Name, db.Path(), err)
	}
	return s, nil
}

// checkFormat accepts an empty file and one of this format.
func checkFormat(tx *bbolt.Tx) error {
	cursor := tx.Cursor()
	first, _ := cursor.First()
	if string(first) == auth.Bucket { // keys are made before the first start
		first, _ = cursor.Next()
	}
	if first == nil {
		return nil
	}
	meta := tx.Bucket(bucketMeta)
	if meta == nil || meta.Get(keyFormat) == nil {
		return errors.New("it is not a file of the activity service: give another one")
	}
	found, err := codec.Unseal(keyFormat, meta.Get(keyFormat))
	if err == nil && string(found) != format {
		err = fmt.Errorf("its format is %.40q and this program reads %q: use the program or the file that fits", found,
			format)
	}
	return err
}

// create makes the buckets that are not there yet.
func (s *Store) create(tx *bbolt.Tx) error {
	meta, err := tx.CreateBucketIfNotExists(bucketMeta)
	if err != nil {
		return err
	}
	if err := meta.Put(keyFormat, codec.Seal(keyFormat, []byte(format))); err != nil {
		return err
	}
	paths := [][][]byte{{bucketBins}, {bucketInbox}, {bucketPositions, s.topic}, {bucketAudit}}
	for _, name := range activity.AllLedgers() {
		paths = append(paths, [][]byte{[]byte(name), s.topic})
	}
	for _, path := range paths {
		bucket, err := tx.CreateBucketIfNotExists(s.name)
		for _, name := range path {
			if err == nil {
				bucket, err = bucket.CreateBucketIfNotExists(name)
			}
		}
		if err != nil {
			return err
		}
	}
	root := tx.Bucket(s.name)
	if err := s.putNames(root); err != nil {
		return err
	}
	if err := createIndexes(root); err != nil {
		return err
	}
	return checkDeclared(root, &s.def)
}

// names of an activity and of the topics that it was read from. A bucket's name has no checksum; this has.
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

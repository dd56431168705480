package runs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"sort"
	"sync/atomic"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb/codec"
)

// Names within an index's bucket, each followed by a number of 8 bytes, and within a run's bucket, each followed by one
// of 4 bytes.
const (
	metaName   = 'm'
	runName    = 'r'
	blockName  = 'b'
	filterName = 'f'
	firstName  = 'i'
)

// blockBytes is the size of a block. Two of them fill a leaf of two pages of 4 KiB.
const blockBytes = 4060

// firstsPiece is how many blocks' first hashes are in one record.
const firstsPiece = 4096

// meta is what the file says of a run.
type meta struct {
	number         uint64
	entries        uint64
	blocks         uint32
	buckets        uint64 // of its filter; 0 without one
	from, to       uint64 // the segments whose entries it has
	oldest, newest uint64 // seconds since 1970; 0 in an index without times
}

const metaVersion = 1

func (m *meta) encode(key []byte) []byte {
	r := codec.NewRecord(metaVersion, 60)
	r.Uint(m.entries)
	r.Uint32(m.blocks)
	r.Uint(m.buckets)
	r.Uint(m.from)
	r.Uint(m.to)
	r.Uint(m.oldest)
	r.Uint(m.newest)
	return r.Seal(key)
}

func decodeMeta(key, sealed []byte) (m meta, err error) {
	if len(key) != 9 || key[0] != metaName {
		return m, fmt.Errorf("%w: nothing of that name belongs there", codec.ErrCorrupt)
	}
	r, err := codec.OpenRecord(key, sealed, metaVersion)
	if err != nil {
		return m, err
	}
	m = meta{number: binary.BigEndian.Uint64(key[1:]), entries: r.Uint(), blocks: r.Uint32(), buckets: r.Uint(),
		from: r.Uint(), to: r.Uint(), oldest: r.Uint(), newest: r.Uint()}
	if err := r.End(); err != nil {
		return m, err
	}
	if m.entries == 0 || m.blocks == 0 || m.from > m.to || m.oldest > m.newest {
		return m, fmt.Errorf("%w: the run cannot be like that", codec.ErrCorrupt)
	}
	return m, nil
}

func (m *meta) filterPieces() int { return int(piecesOf(m.buckets)) } //nolint:gosec // small

func (m *meta) firstsPieces() int { return int(m.blocks+firstsPiece-1) / firstsPiece }

func nameOf(kind byte, number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte{kind}, number)
}

// recordKey returns a key within a run's bucket.
func recordKey(kind byte, number uint32) [5]byte {
	var key [5]byte
	key[0] = kind
	binary.BigEndian.PutUint32(key[1:], number)
	return key
}

// sealKey is what the checksum of a run's record covers beside its value: the run and the key, so that no record of
// another run is taken for it.
func sealKey(run uint64, key []byte) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, 16), run), key...)
}

// run is a run as it is looked up in. It never changes. Filter and first hashes are read when they are first needed.
type run struct {
	meta
	index  *Index
	filter []atomic.Pointer[[]byte]
	firsts []atomic.Pointer[[]byte]
}

func newRun(x *Index, m *meta) *run {
	return &run{
		meta: *m, index: x,
		filter: make([]atomic.Pointer[[]byte], m.filterPieces()),
		firsts: make([]atomic.Pointer[[]byte], m.firstsPieces()),
	}
}

// bucket returns the run's bucket.
func (r *run) bucket(tx *bbolt.Tx) (*bbolt.Bucket, error) {
	b := r.index.bucket(tx)
	if b != nil {
		b = b.Bucket(nameOf(runName, r.number))
	}
	if b == nil {
		return nil, fmt.Errorf("%w: run %d of %s is missing", codec.ErrCorrupt, r.number, r.index.spec.Name)
	}
	return b, nil
}

// record returns a record of the run. It shares the transaction's memory.
func (r *run) record(b *bbolt.Bucket, kind byte, number uint32) ([]byte, error) {
	key := recordKey(kind, number)
	return r.unseal(kind, number, b.Get(key[:]))
}

// unseal returns what a record of the run holds. It shares the record's memory.
func (r *run) unseal(kind byte, number uint32, sealed []byte) ([]byte, error) {
	key := recordKey(kind, number)
	value, err := codec.Unseal(sealKey(r.number, key[:]), sealed)
	if err != nil {
		return nil, fmt.Errorf("%s %d of run %d of %s: %w", kinds[kind], number, r.number, r.index.spec.Name, err)
	}
	return value, nil
}

// scan visits the records of a kind from a number on, in order, until visit returns false. It waits for the disk
// without holding a processor: see boltdb.DB.Scan. None may be missing.
func (r *run) scan(tx *bbolt.Tx, kind byte, from uint32, visit func(number uint32, value []byte) (bool, error)) error {
	b, err := r.bucket(tx)
	if err != nil {
		return err
	}
	after := []byte{kind}
	if from > 0 {
		key := recordKey(kind, from-1)
		after = key[:]
	}
	number := from
	return r.index.set.db.Scan(b, after, func(key, sealed []byte) (bool, error) {
		if key[0] != kind {
			return false, nil
		}
		if want := recordKey(kind, number); !bytes.Equal(key, want[:]) {
			sealed = nil // it is missing
		}
		value, err := r.unseal(kind, number, sealed)
		if err != nil {
			return false, err
		}
		number++
		return visit(number-1, value)
	})
}

// kinds says what the records of a run are.
var kinds = map[byte]string{blockName: "block", filterName: "piece of the filter",
	firstName: "piece of the first hashes"}

// piece returns a piece of the filter or of the first hashes, and keeps it.
func (r *run) piece(tx *bbolt.Tx, kind byte, at *atomic.Pointer[[]byte], number uint32) ([]byte, error) {
	if known := at.Load(); known != nil {
		return *known, nil
	}
	var kept []byte
	err := r.scan(tx, kind, number, func(_ uint32, value []byte) (bool, error) {
		kept = bytes.Clone(value)
		return false, nil
	})
	if err == nil && kept == nil {
		_, err = r.unseal(kind, number, nil)
	}
	if err != nil {
		return nil, err
	}
	at.Store(&kept)
	return kept, nil
}

// absent reports whether the filter, as far as it is in memory, says that the run does not have a hash.
func (r *run) absent(hash *Hash) bool {
	if r.buckets == 0 {
		return false
	}
	bucket, kept := place(hash[:], r.buckets)
	piece := r.filter[bucket/pieceBuckets].Load()
	return piece != nil && !pieceHas(*piece, bucket%pieceBuckets, kept)
}

// mayHave asks the filter.
func (r *run) mayHave(tx *bbolt.Tx, hash *Hash) (bool, error) {
	if r.buckets == 0 {
		return true, nil
	}
	bucket, kept := place(hash[:], r.buckets)
	number := uint32(bucket / pieceBuckets) //nolint:gosec // small
	piece, err := r.piece(tx, filterName, &r.filter[number], number)
	if err != nil {
		return false, err
	}
	return pieceHas(piece, bucket%pieceBuckets, kept), nil
}

// first returns the beginning of a block's first hash.
func (r *run) first(tx *bbolt.Tx, block uint32) (uint64, error) {
	number := block / firstsPiece
	piece, err := r.piece(tx, firstName, &r.firsts[number], number)
	if err != nil {
		return 0, err
	}
	return binary.BigEndian.Uint64(piece[block%firstsPiece*8:]), nil
}

// cursor walks the entries of one hash by ascending rest, from a rest on. nil means that there are none.
func (r *run) cursor(tx *bbolt.Tx, hash *Hash, from []byte) (*runCursor, error) {
	may, err := r.mayHave(tx, hash)
	if err != nil || !may {
		return nil, err
	}
	b, err := r.bucket(tx)
	if err != nil {
		return nil, err
	}
	c := &runCursor{run: r, bucket: b, hash: *hash}
	if err := c.seek(tx, append(c.hash[:len(hash):len(hash)], from...)); err != nil {
		return nil, err
	}
	if c.rest() == nil {
		return nil, nil //nolint:nilnil // there are none
	}
	return c, nil
}

type runCursor struct {
	run     *run
	bucket  *bbolt.Bucket
	hash    Hash
	number  uint32
	entries []byte // the current one first; the rest of its block
}

// seek moves to the first entry that is not less than the wanted one.
func (c *runCursor) seek(tx *bbolt.Tx, wanted []byte) (err error) {
	begin := binary.BigEndian.Uint64(wanted)
	// The last block that begins before the wanted entry may have it, and else the next one begins with it. Where many
	// blocks begin with the same hash, the blocks themselves are asked.
	block := sort.Search(int(c.run.blocks), func(i int) bool {
		if err != nil {
			return true
		}
		var first uint64
		number := uint32(i) //nolint:gosec // below blocks
		if first, err = c.run.first(tx, number); err != nil || first != begin {
			return first > begin
		}
		var entries []byte
		if entries, err = c.run.block(c.bucket, number); err != nil {
			return true
		}
		return bytes.Compare(entries[:len(wanted)], wanted) >= 0
	})
	if err != nil {
		return err
	}
	c.number = uint32(max(block-1, 0)) //nolint:gosec // below blocks
	if c.entries, err = c.run.block(c.bucket, c.number); err != nil {
		return err
	}
	size := c.run.index.size
	skip := sort.Search(len(c.entries)/size, func(i int) bool {
		return bytes.Compare(c.entries[i*size:][:len(wanted)], wanted) >= 0
	})
	c.entries = c.entries[skip*size:]
	return c.load()
}

// load goes to the next block at the end of one.
func (c *runCursor) load() (err error) {
	if len(c.entries) == 0 && c.number+1 < c.run.blocks {
		c.number++
		c.entries, err = c.run.block(c.bucket, c.number)
	}
	return err
}

// rest returns the current rest, or nil at the end.
func (c *runCursor) rest() []byte {
	if len(c.entries) == 0 || !bytes.Equal(c.entries[:hashSize], c.hash[:]) {
		return nil
	}
	return c.entries[hashSize:c.run.index.size]
}

func (c *runCursor) advance() error {
	c.entries = c.entries[c.run.index.size:]
	return c.load()
}

// block returns the entries of a block.
func (r *run) block(b *bbolt.Bucket, number uint32) ([]byte, error) {
	entries, err := r.record(b, blockName, number)
	if err != nil {
		return nil, err
	}
	return entries, r.whole(number, entries)
}

// whole reports a block whose bytes are not those of some entries.
func (r *run) whole(number uint32, entries []byte) error {
	if len(entries) == 0 || len(entries)%r.index.size != 0 {
		return fmt.Errorf("%w: block %d of run %d of %s has %d bytes", codec.ErrCorrupt, number, r.number,
			r.index.spec.Name, len(entries))
	}
	return nil
}

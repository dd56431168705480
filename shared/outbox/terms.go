package outbox

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
)

// term is one opening of a file: a random name, and the first slot that was given in it. Each opening adds one, on the
// disk before the first message. Two files that were one have the same terms up to the moment of the copy and never
// again, so the terms tell which slots two files have in common (rule P7).
type term struct {
	name  string
	first uint64
}

const termNameSize = 8

// history is the terms of a lineage, oldest first. The oldest dropped may be missing, in what a publisher remembers.
type history struct {
	dropped int
	terms   []term
	tail    uint64 // the last slot that is known to have been given
}

// beginTerm adds a term to those of the file.
func beginTerm(root *bbolt.Bucket, first uint64) error {
	bucket := root.Bucket(termsBucket)
	number, err := bucket.NextSequence()
	if err != nil {
		return err
	}
	name := make([]byte, termNameSize, termNameSize+8)
	_, _ = rand.Read(name) // never fails
	key := slotKey(number)
	return bucket.Put(key, codec.Seal(key, binary.BigEndian.AppendUint64(name, first)))
}

// storeTerms replaces the terms of the file.
func storeTerms(root *bbolt.Bucket, terms []term) error {
	errs := []error{emptyBucket(root, termsBucket, nil)}
	bucket := root.Bucket(termsBucket)
	for _, t := range terms {
		number, err := bucket.NextSequence()
		name, _ := hex.DecodeString(t.name) // written by loadTerms
		key := slotKey(number)
		errs = append(errs, err, bucket.Put(key, codec.Seal(key, binary.BigEndian.AppendUint64(name, t.first))))
	}
	return errors.Join(errs...)
}

// after returns the terms of the slots after slot; the first begins there.
func (h *history) after(slot uint64) []term {
	i := len(h.terms) - 1
	for i > 0 && h.terms[i].first > slot+1 {
		i--
	}
	kept := slices.Clone(h.terms[i:])
	kept[0].first = slot + 1
	return kept
}

// loadTerms reads the terms of the file.
func loadTerms(root *bbolt.Bucket) (terms []term, err error) {
	err = root.Bucket(termsBucket).ForEach(func(key, sealed []byte) error {
		value, err := codec.Unseal(key, sealed)
		if err != nil || len(value) != termNameSize+8 {
			return fmt.Errorf("read term %d: %w", slotOf(key), boltdb.ErrCorrupt)
		}
		terms = append(terms, term{
			name: hex.EncodeToString(value[:termNameSize]), first: binary.BigEndian.Uint64(value[termNameSize:]),
		})
		return nil
	})
	return terms, err
}

// maxNoteTerms bounds the terms in a note. Kafka takes 4,096 bytes; a term takes 40 at most.
const maxNoteTerms = 64

// note is the form of a history that travels with the watermark.
type note struct {
	Version int         `json:"v"`
	Tail    uint64      `json:"tail"`
	Dropped int         `json:"dropped,omitempty"`
	Terms   [][2]string `json:"terms"` // name, first slot
}

// encode returns h as a note.
func (h *history) encode() string {
	terms, dropped := h.terms, h.dropped
	if extra := len(terms) - maxNoteTerms; extra > 0 {
		terms, dropped = terms[extra:], dropped+extra
	}
	n := note{Version: 1, Tail: h.tail, Dropped: dropped}
	for _, t := range terms {
		n.Terms = append(n.Terms, [2]string{t.name, fmt.Sprint(t.first)})
	}
	text, _ := json.Marshal(n) // never fails
	return string(text)
}

// decodeNote reads what encode wrote. ok is false for anything else, such as the empty note of a first release.
func decodeNote(text string) (h history, ok bool) {
	var n note
	if json.NewDecoder(strings.NewReader(text)).Decode(&n) != nil || n.Version != 1 || len(n.Terms) == 0 ||
		n.Dropped < 0 {
		return history{}, false
	}
	h = history{dropped: n.Dropped, tail: n.Tail}
	for _, t := range n.Terms {
		next := term{name: t[0]}
		if _, err := fmt.Sscan(t[1], &next.first); err != nil {
			return history{}, false
		}
		h.terms = append(h.terms, next)
	}
	return h, true
}

// extends says whether h is other, or other and then more: whoever wrote other was this file.
func (h *history) extends(other *history) bool {
	from := other.dropped - h.dropped
	if from < 0 || from+len(other.terms) > len(h.terms) {
		return false
	}
	for i, t := range other.terms {
		if h.terms[from+i] != t {
			return false
		}
	}
	return true
}

// common returns the last slot that h and other have in common; known is false when too little of other is there to
// say.
func (h *history) common(other *history) (slot uint64, known bool) {
	if known = other.dropped == h.dropped; known {
		slot = min(h.terms[0].first, other.terms[0].first) - 1
	}
	for i := 0; ; i++ {
		mine, theirs := other.dropped-h.dropped+i, i
		if mine < 0 || mine >= len(h.terms) || theirs >= len(other.terms) || h.terms[mine] != other.terms[theirs] {
			return slot, known || i > 0
		}
		slot = min(h.end(mine), other.end(theirs))
	}
}

// end returns the last slot of the i-th term.
func (h *history) end(i int) uint64 {
	if i+1 < len(h.terms) {
		return h.terms[i+1].first - 1
	}
	return h.tail
}

package recovery

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
	"ordertally/shared/boltdb/codec"
)

// epoch is one opening of a file: a random name, and the first slot that was given in it. Each opening adds one, on the
// disk before the first message. A file and its copy have the same epochs up to the copy, and never again. So the
// epochs tell which slots two files have in common (rule P7).
type epoch struct {
	name  string
	first uint64
}

const epochNameSize = 8

// history is the epochs of a lineage, oldest first. In the history that a publisher keeps, the oldest may be missing.
// dropped is their number.
type history struct {
	dropped int
	epochs  []epoch
	tail    uint64 // the last slot known to have been given
}

func newName() string {
	var name [epochNameSize]byte
	_, _ = rand.Read(name[:]) // never fails
	return hex.EncodeToString(name[:])
}

// addEpoch adds an epoch to the file.
func addEpoch(root *bbolt.Bucket, e epoch) error {
	bucket := root.Bucket(epochsBucket)
	number, err := bucket.NextSequence()
	if err != nil {
		return err
	}
	name, err := hex.DecodeString(e.name)
	if err != nil {
		return err
	}
	key := binary.BigEndian.AppendUint64(nil, number)
	return bucket.Put(key, codec.Seal(key, binary.BigEndian.AppendUint64(name, e.first)))
}

// storeEpochs replaces the epochs of the file.
func storeEpochs(root *bbolt.Bucket, epochs []epoch) error {
	if _, err := anew(root, epochsBucket); err != nil {
		return err
	}
	for _, e := range epochs {
		if err := addEpoch(root, e); err != nil {
			return err
		}
	}
	return nil
}

// after returns the epochs of the slots after slot. The first of them begins there.
func (h *history) after(slot uint64) []epoch {
	i := len(h.epochs) - 1
	for i > 0 && h.epochs[i].first > slot+1 {
		i--
	}
	kept := slices.Clone(h.epochs[i:])
	kept[0].first = slot + 1
	return kept
}

// loadEpochs reads the epochs of the file. dropped is how many older ones are missing, because the file was rebuilt
// from the log: the first one's number tells.
func loadEpochs(root *bbolt.Bucket) (epochs []epoch, dropped int, err error) {
	err = root.Bucket(epochsBucket).ForEach(func(key, sealed []byte) error {
		value, err := codec.Unseal(key, sealed)
		if err != nil || len(value) != epochNameSize+8 || len(key) != 8 {
			return fmt.Errorf("read epoch %x: %w", key, boltdb.ErrCorrupt)
		}
		number := int(binary.BigEndian.Uint64(key)) //nolint:gosec // few
		if number != dropped+len(epochs)+1 {
			epochs, dropped = nil, number-1
		}
		epochs = append(epochs, epoch{
			name: hex.EncodeToString(value[:epochNameSize]), first: binary.BigEndian.Uint64(value[epochNameSize:]),
		})
		return nil
	})
	return epochs, dropped, err
}

// maxNoteEpochs limits the epochs in a note. A note has 3,500 bytes at most, and an epoch takes 40.
const maxNoteEpochs = 64

// note is a history in the form that is committed with the watermark.
type note struct {
	Version int         `json:"v"`
	Tail    uint64      `json:"tail"`
	Dropped int         `json:"dropped,omitempty"`
	Epochs  [][2]string `json:"epochs"` // name, first slot
}

// encode returns h as a note.
func (h *history) encode() string {
	epochs, dropped := h.epochs, h.dropped
	if extra := len(epochs) - maxNoteEpochs; extra > 0 {
		epochs, dropped = epochs[extra:], dropped+extra
	}
	n := note{Version: 1, Tail: h.tail, Dropped: dropped}
	for _, t := range epochs {
		n.Epochs = append(n.Epochs, [2]string{t.name, fmt.Sprint(t.first)})
	}
	text, _ := json.Marshal(n) // never fails
	return string(text)
}

// decodeNote reads what encode wrote. ok is false for anything else, such as the empty note of a first release.
func decodeNote(text string) (h history, ok bool) {
	var n note
	if json.NewDecoder(strings.NewReader(text)).Decode(&n) != nil || n.Version != 1 || len(n.Epochs) == 0 ||
		n.Dropped < 0 {
		return history{}, false
	}
	h = history{dropped: n.Dropped, tail: n.Tail}
	for _, t := range n.Epochs {
		next := epoch{name: t[0]}
		if _, err := fmt.Sscan(t[1], &next.first); err != nil {
			return history{}, false
		}
		h.epochs = append(h.epochs, next)
	}
	return h, true
}

// extends reports whether h is other, or other and then more. If so, this file wrote other.
func (h *history) extends(other *history) bool {
	from := other.dropped - h.dropped
	if from < 0 || from+len(other.epochs) > len(h.epochs) {
		return false
	}
	for i, t := range other.epochs {
		if h.epochs[from+i] != t {
			return false
		}
	}
	return true
}

// common returns the last slot that h and other have in common. known is false if too few epochs of other are left to
// tell.
func (h *history) common(other *history) (slot uint64, known bool) {
	if known = other.dropped == h.dropped; known {
		slot = min(h.epochs[0].first, other.epochs[0].first) - 1
	}
	for i := 0; ; i++ {
		mine, theirs := other.dropped-h.dropped+i, i
		if mine < 0 || mine >= len(h.epochs) || theirs >= len(other.epochs) || h.epochs[mine] != other.epochs[theirs] {
			return slot, known || i > 0
		}
		slot = min(h.end(mine), other.end(theirs))
	}
}

// end returns the last slot of the i-th epoch.
func (h *history) end(i int) uint64 {
	if i+1 < len(h.epochs) {
		return h.epochs[i+1].first - 1
	}
	return h.tail
}

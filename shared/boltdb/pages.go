package boltdb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
)

// bbolt trusts its pages. A page that names itself as its child ends the process, and no recover prevents that. A count
// that lost a bit silently hides records. So the code here reads the structure from the file itself. It checks that
// each page is as bbolt writes it: page numbers, types, order of the keys, and a layout without gaps.
// (internal/common/page.go and inode.go of bbolt 1.5.0.)

const (
	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagMeta     = 0x04
	flagFreelist = 0x10

	elementSize      = 16 // of branches and of leaves
	bucketHeaderSize = 16 // root page, sequence
	bucketFlag       = 0x01

	// maxDepth is the deepest that a tree may be. bbolt's trees have fewer than ten levels.
	maxDepth = 64
	// firstPage is the first page that is not a meta page.
	firstPage = 2
)

// pages reads the pages of a file.
type pages struct {
	file io.ReaderAt
	size int64  // of a page
	high uint64 // number of pages in use; every page number is below it
	pace func() // called before each node is read, if not nil
}

// element is one element of a page. Its bytes are part of the page.
type element struct {
	key, value []byte
	child      uint64 // of a branch
	bucket     bool   // of a leaf
}

// node is a branch or a leaf that was read. The page by itself is sound.
type node struct {
	id       uint64
	pages    uint64 // number of pages in the file; 0 for a bucket inside its parent's page
	leaf     bool
	elements []element
}

// room is memory for one node, to be used again for the next one.
type room struct {
	data     []byte
	elements []element
}

func (r *room) bytes(n int64) []byte {
	if int64(cap(r.data)) < n {
		r.data = make([]byte, n)
	}
	return r.data[:n]
}

var errPage = errors.New("damaged page")

func pageError(id uint64, format string, args ...any) error {
	return fmt.Errorf("%w %d: %s", errPage, id, fmt.Sprintf(format, args...))
}

// node reads the page with that number, including its overflow pages.
func (p *pages) node(id uint64) (node, error) { return p.nodeIn(new(room), id) }

// nodeIn is node. The node is valid until r is used again.
func (p *pages) nodeIn(r *room, id uint64) (node, error) {
	if id < firstPage || id >= p.high {
		return node{}, pageError(id, "no page has that number: there are %d", p.high)
	}
	if p.pace != nil {
		p.pace()
	}
	data := r.bytes(p.size)
	if err := p.read(id, data); err != nil {
		return node{}, err
	}
	self, flags, overflow := binary.NativeEndian.Uint64(
		data,
	), binary.NativeEndian.Uint16(
		data[8:],
	), uint64(
		binary.NativeEndian.Uint32(data[12:]),
	)
	switch {
	case self != id:
		return node{}, pageError(id, "it calls itself %d", self)
	case flags != flagBranch && flags != flagLeaf:
		return node{}, pageError(id, "it is neither branch nor leaf (flags %#x)", flags)
	case overflow >= p.high-id:
		return node{}, pageError(id, "it goes on for %d pages, past the end", overflow)
	}
	if overflow > 0 {
		data = r.bytes(int64(overflow+1) * p.size) //nolint:gosec // not longer than the file
		if err := p.read(id, data); err != nil {
			return node{}, err
		}
	}
	n, used, err := parse(id, data, r.elements)
	r.elements = n.elements
	if err == nil && (used+uint64(p.size)-1)/uint64(p.size) != overflow+1 { //nolint:gosec // a size is not negative
		err = pageError(id, "it takes %d pages and holds %d bytes", overflow+1, used)
	}
	n.pages = overflow + 1
	return n, err
}

func (p *pages) read(id uint64, data []byte) error {
	if _, err := p.file.ReadAt(data, int64(id)*p.size); err != nil { //nolint:gosec // within the file
		return pageError(id, "it cannot be read: %v", err)
	}
	return nil
}

// parse reads the elements of a page and returns the number of bytes in use. It may use the memory of elements.
func parse(id uint64, data []byte, elements []element) (n node, used uint64, err error) {
	flags, count := binary.NativeEndian.Uint16(data[8:]), int(binary.NativeEndian.Uint16(data[10:]))
	n = node{id: id, leaf: flags == flagLeaf, elements: slices.Grow(elements[:0], count)[:count]}
	used = uint64(pageHeaderSize + count*elementSize)
	if used > uint64(len(data)) {
		return n, 0, pageError(id, "its %d elements do not fit", count)
	}
	for i := range n.elements {
		at := pageHeaderSize + i*elementSize
		field := func(offset int) uint64 { return uint64(binary.NativeEndian.Uint32(data[at+offset:])) }
		var position, keySize, valueSize uint64
		e := &n.elements[i]
		*e = element{}
		if n.leaf {
			position, keySize, valueSize = field(4), field(8), field(12)
			e.bucket = field(0) == bucketFlag
			if field(0) > bucketFlag {
				return n, 0, pageError(id, "element %d has the flags %#x", i, field(0))
			}
		} else {
			position, keySize = field(0), field(4)
			e.child = binary.NativeEndian.Uint64(data[at+8:])
		}
		switch {
		case uint64(at)+position != used:
			return n, 0, pageError(id, "element %d is not where it must be", i)
		case keySize == 0 || used+keySize+valueSize > uint64(len(data)):
			return n, 0, pageError(id, "element %d has %d and %d bytes, which cannot be", i, keySize, valueSize)
		}
		e.key = data[used : used+keySize]
		e.value = data[used+keySize : used+keySize+valueSize]
		used += keySize + valueSize
		if i > 0 && bytes.Compare(n.elements[i-1].key, e.key) >= 0 {
			return n, 0, pageError(id, "element %d is not in order", i)
		}
	}
	return n, used, nil
}

// bucketOf reads a bucket's header. If the bucket is inside its parent's page, it also reads the records.
func bucketOf(parent uint64, value []byte) (root, sequence uint64, inline node, err error) {
	if len(value) < bucketHeaderSize {
		return 0, 0, node{}, pageError(parent, "a bucket has no header")
	}
	root, sequence = binary.NativeEndian.Uint64(value), binary.NativeEndian.Uint64(value[8:])
	if root != 0 {
		if len(value) != bucketHeaderSize {
			err = pageError(parent, "a bucket is both here and on page %d", root)
		}
		return root, sequence, node{}, err
	}
	value = value[bucketHeaderSize:]
	if len(value) < pageHeaderSize || binary.NativeEndian.Uint64(value) != 0 ||
		binary.NativeEndian.Uint16(value[8:]) != flagLeaf ||
		binary.NativeEndian.Uint32(value[12:]) != 0 {
		return 0, 0, node{}, pageError(parent, "a bucket within it has not the form of one")
	}
	inline, used, err := parse(parent, value, nil)
	if err == nil && used != uint64(len(value)) {
		err = pageError(
			parent,
			"a bucket within it has %d bytes, and %d records that take %d",
			len(value),
			len(inline.elements),
			used,
		)
	}
	return 0, sequence, inline, err
}

// free reads the list of free pages.
func (p *pages) free(id uint64) (ids []uint64, listPages uint64, err error) {
	if id < firstPage || id >= p.high {
		return nil, 0, pageError(id, "the list of free pages cannot be there")
	}
	header := make([]byte, pageHeaderSize+8)
	if err := p.read(id, header); err != nil {
		return nil, 0, err
	}
	self, flags, overflow := binary.NativeEndian.Uint64(
		header,
	), binary.NativeEndian.Uint16(
		header[8:],
	), uint64(
		binary.NativeEndian.Uint32(header[12:]),
	)
	count, from := uint64(binary.NativeEndian.Uint16(header[10:])), uint64(pageHeaderSize)
	if count == 0xFFFF {
		count, from = binary.NativeEndian.Uint64(header[pageHeaderSize:]), from+8
	}
	switch {
	case self != id || flags != flagFreelist || overflow >= p.high-id:
		return nil, 0, pageError(id, "it is not the list of free pages")
	case count > p.high || from+8*count > (overflow+1)*uint64(p.size): //nolint:gosec // a size is not negative
		return nil, 0, pageError(id, "the list of free pages does not fit")
	}
	data := make([]byte, from+8*count)
	if err := p.read(id, data); err != nil {
		return nil, 0, err
	}
	ids = make([]uint64, count)
	for i := range ids {
		ids[i] = binary.NativeEndian.Uint64(data[from+8*uint64(i):])
		if ids[i] < firstPage || ids[i] >= p.high || i > 0 && ids[i] <= ids[i-1] {
			return nil, 0, pageError(id, "the list of free pages has %d where that cannot be", ids[i])
		}
	}
	return ids, overflow + 1, nil
}

// pageSet is a set of page numbers.
type pageSet []uint64

func newPageSet(high uint64) pageSet { return make(pageSet, high/64+1) }

func (s pageSet) has(id uint64) bool { return s[id/64]&(1<<(id%64)) != 0 }

// add reports whether id was not in the set.
func (s pageSet) add(id uint64) bool {
	isNew := !s.has(id)
	s[id/64] |= 1 << (id % 64)
	return isNew
}

// missing returns how many numbers below high are not in the set, and the first.
func (s pageSet) missing(high uint64) (n, first uint64) {
	for i, word := range s {
		for absent := ^word; absent != 0; absent &= absent - 1 {
			id := uint64(i)*64 + uint64(bits.TrailingZeros64(absent)) //nolint:gosec // not negative
			if id >= high {
				return n, first
			}
			if n++; n == 1 {
				first = id
			}
		}
	}
	return n, first
}

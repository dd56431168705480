package boltdb

import (
	"bytes"
	"errors"
	"fmt"
)

// walk visits the records of a file in order and checks every page on its way.
type walk struct {
	pages pages
	// claim notes pages in use. Its error tells why they cannot be used here: they are free, or in use elsewhere.
	claim func(id, count uint64) error
	// fault is told what is wrong with a page. The walk goes on with the next page.
	fault func(path [][]byte, err error)
	// visit gets each record and each bucket. The Record is used again for the next one. errPause ends the walk.
	visit func(r *Record) error
	// rooms, if not nil, hold the nodes on the way to the present record. Its bytes are then valid until visit returns.
	rooms *rooms

	record Record // what visit gets
}

// rooms is a stack of rooms.
type rooms struct {
	all   []*room
	depth int
}

// enter returns a room, which belongs to the caller until it calls leave.
func (r *rooms) enter() *room {
	if r == nil {
		return new(room)
	}
	if r.depth == len(r.all) {
		r.all = append(r.all, new(room))
	}
	r.depth++
	return r.all[r.depth-1]
}

func (r *rooms) leave() {
	if r != nil {
		r.depth--
	}
}

var errPause = errors.New("pause")

// run walks on from the record after that position, which is the names of buckets and a key. nil starts at the
// beginning. It returns errPause or nil.
func (w *walk) run(root uint64, after [][]byte) error {
	return w.tree(nil, root, after)
}

// level is one call of a walk down a tree.
type level struct {
	path   [][]byte // of buckets
	first  []byte   // the first key below, as the branch above has it; nil in a root
	high   []byte   // the keys below are lower; nil means no bound
	depth  int
	leaves *int // depth of the leaves; 0 until the first one
}

func (w *walk) tree(path [][]byte, root uint64, after [][]byte) error {
	return w.page(root, level{path: path, leaves: new(int)}, after)
}

func (w *walk) page(id uint64, l level, after [][]byte) error {
	n, err := w.pages.nodeIn(w.rooms.enter(), id)
	defer w.rooms.leave()
	if err == nil && w.claim != nil {
		err = w.claim(id, n.pages)
	}
	if err == nil {
		err = l.accepts(&n)
	}
	if err != nil {
		w.fault(l.path, err)
		return nil
	}
	if n.leaf {
		return w.records(&n, l.path, after)
	}
	for i := range n.elements {
		below := level{path: l.path, first: n.elements[i].key, high: l.high, depth: l.depth + 1, leaves: l.leaves}
		if i+1 < len(n.elements) {
			below.high = n.elements[i+1].key
		}
		if len(after) > 0 && below.high != nil && bytes.Compare(below.high, after[0]) <= 0 {
			continue
		}
		if err := w.page(n.elements[i].child, below, after); err != nil {
			return err
		}
	}
	return nil
}

// wrongFirst is harmless until the page is written: bbolt looks for the branch's entry of a page by the page's first
// key. It then leaves the old entry in the branch, whose page is free.
const wrongFirst = "it does not begin with the key that leads to it"

// accepts tells what is wrong with n at that level.
func (l *level) accepts(n *node) error {
	switch {
	case l.depth > maxDepth:
		return pageError(n.id, "the tree has more than %d levels: it leads back to itself", maxDepth)
	case n.leaf && *l.leaves != 0 && *l.leaves != l.depth+1:
		return pageError(n.id, "a leaf at level %d, others are at %d", l.depth+1, *l.leaves)
	case len(n.elements) == 0 && (len(l.path) > 0 || l.depth > 0):
		return pageError(n.id, "it is empty")
	case len(n.elements) == 0:
		return nil
	case l.first != nil && !bytes.Equal(n.elements[0].key, l.first):
		return pageError(n.id, "%s", wrongFirst)
	case l.high != nil && bytes.Compare(n.elements[len(n.elements)-1].key, l.high) >= 0:
		return pageError(n.id, "its keys belong elsewhere")
	}
	if n.leaf {
		*l.leaves = l.depth + 1
	}
	return nil
}

// records visits the records of a leaf.
func (w *walk) records(n *node, path [][]byte, after [][]byte) error {
	for i := range n.elements {
		e := &n.elements[i]
		var within [][]byte // the rest of after, if it leads into this element
		if len(after) > 0 {
			order := bytes.Compare(e.key, after[0])
			if order < 0 || order == 0 && len(after) == 1 && !e.bucket {
				continue
			}
			if order == 0 {
				within = after[1:]
			}
		}
		r := &w.record
		*r = Record{Path: path, Key: e.key, Value: e.value, IsBucket: e.bucket}
		if !e.bucket {
			if err := w.visit(r); err != nil {
				return err
			}
			continue
		}
		if err := w.bucket(n.id, r, within); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) bucket(parent uint64, r *Record, after [][]byte) error {
	path := append(append([][]byte(nil), r.Path...), r.Key)
	root, sequence, inline, err := bucketOf(parent, r.Value)
	if err != nil {
		w.fault(path, err)
		return nil
	}
	r.Value, r.Sequence = nil, sequence
	if after == nil {
		if err := w.visit(r); err != nil {
			return err
		}
	}
	if root == 0 {
		return w.records(&inline, path, after)
	}
	return w.tree(path, root, after)
}

// skeleton checks the pages that lead to the leaves, and the leaves of small buckets: 1 % of the pages. These must be
// good, or bbolt may run in circles. It also finds most of what would make bbolt write over pages in use.
func skeleton(p *pages, m *meta) error {
	used := newPageSet(p.high)
	s := &skeletonWalk{pages: p, used: used}
	if err := s.tree(m.root); err != nil {
		return err
	}
	free, count, err := p.free(m.freelist)
	if err != nil {
		return err
	}
	for i := range count {
		if !used.add(m.freelist + i) {
			return pageError(m.freelist+i, "the list of free pages is in use elsewhere")
		}
	}
	for _, id := range free {
		if !used.add(id) {
			return pageError(id, "it is in use, and in the list of free pages")
		}
	}
	return nil
}

type skeletonWalk struct {
	pages *pages
	used  pageSet
}

// step is a page that skeleton is to look at.
type step struct {
	id    uint64
	first []byte // as in level
}

// ahead makes the kernel read the pages at once. They are in many places, and one after the other each would wait for
// the disk.
func ahead(p *pages, level []step) {
	ids := make([]uint64, len(level))
	for i := range level {
		ids[i] = level[i].id
	}
	p.readAhead(ids)
}

// smallTree is the largest number of leaves for which skeleton also reads the leaves.
const smallTree = 64

// tree checks the branches of a tree, level by level. All leaves have the same distance from the root.
func (s *skeletonWalk) tree(root uint64) error {
	level := []step{{id: root}}
	for depth := 0; ; depth++ {
		if depth > maxDepth {
			return pageError(root, "its tree has more than %d levels", maxDepth)
		}
		first, err := s.pages.node(level[0].id)
		if err != nil {
			return err
		}
		if first.leaf {
			break
		}
		unread := false // the leaves of a large tree are not looked at but for one, and need not be listed
		if len(level) > smallTree {
			if unread, err = s.aboveLeaves(&first); err != nil {
				return err
			}
		}
		ahead(s.pages, level)
		var below []step
		var shared room // of branches that nothing is kept of
		for _, at := range level {
			id, r := at.id, &shared
			if !unread { // below keeps its keys
				r = new(room)
			}
			n, err := s.pages.nodeIn(r, id)
			switch {
			case err != nil:
				return err
			case n.leaf || len(n.elements) == 0:
				return pageError(id, "it is not the branch that it must be")
			case at.first != nil && !bytes.Equal(n.elements[0].key, at.first):
				return pageError(id, "%s", wrongFirst)
			}
			if err := s.claim(id, n.pages); err != nil {
				return err
			}
			for i := range n.elements {
				child := n.elements[i].child
				if child < firstPage || child >= s.pages.high {
					return pageError(id, "it leads to page %d: there are %d", child, s.pages.high)
				}
				if !unread {
					below = append(below, step{child, n.elements[i].key})
				} else if err := s.claim(child, 1); err != nil { // even if it turns out to be a branch
					return err
				}
			}
		}
		if unread {
			return nil
		}
		level = below
	}
	if len(level) > smallTree {
		for _, at := range level {
			if err := s.claim(at.id, 1); err != nil { // even if it turns out to be a branch
				return err
			}
		}
		return nil
	}
	ahead(s.pages, level)
	for _, at := range level {
		n, err := s.pages.node(at.id)
		switch {
		case err != nil:
		case !n.leaf:
			err = pageError(at.id, "a branch stands for a leaf")
		case at.first != nil && (len(n.elements) == 0 || !bytes.Equal(n.elements[0].key, at.first)):
			err = pageError(at.id, "%s", wrongFirst)
		default:
			err = s.claim(at.id, n.pages)
		}
		if err == nil {
			err = s.buckets(&n)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// aboveLeaves reports whether the first page below a branch is a leaf.
func (s *skeletonWalk) aboveLeaves(branch *node) (bool, error) {
	if len(branch.elements) == 0 {
		return false, nil
	}
	child := branch.elements[0].child
	if child < firstPage || child >= s.pages.high {
		return false, nil // that is told when all are looked at
	}
	n, err := s.pages.node(child)
	return n.leaf, err
}

func (s *skeletonWalk) claim(id, count uint64) error {
	for i := range count {
		if !s.used.add(id + i) {
			return pageError(id+i, "it is in use twice")
		}
	}
	return nil
}

func (s *skeletonWalk) buckets(n *node) error {
	for i := range n.elements {
		if !n.elements[i].bucket {
			continue
		}
		root, _, inline, err := bucketOf(n.id, n.elements[i].value)
		if err == nil && root == 0 {
			err = s.buckets(&inline)
		} else if err == nil {
			err = s.tree(root)
		}
		if err != nil {
			return fmt.Errorf("bucket %s: %w", printable(n.elements[i].key), err)
		}
	}
	return nil
}

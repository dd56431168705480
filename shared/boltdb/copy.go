package boltdb

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"hash/maphash"
	"io"
	"time"

	"go.etcd.io/bbolt"
)

// PageSink takes consecutive pages of a copy, from number first on. A page may come again: the last one counts. A page
// that never comes is zeros. It must not keep the bytes.
type PageSink func(first uint64, pages []byte) error

// Copied describes a copy of a file.
type Copied struct {
	PageSize int
	Bytes    int64             // length of the copy
	SHA256   [sha256.Size]byte // of the copy
	At       time.Time         // the moment that the copy shows
	Held     time.Duration     // how long one read transaction was open
	Again    uint64            // pages that were sent again because they had changed
}

// ErrCopyHeld says that a copy would have held the file's pages for too long. Nothing else happened to the file.
var ErrCopyHeld = errors.New("the copy would keep pages of the database file from being reused for too long: " +
	"try again when the machine has less to do")

const (
	copyChunk = 64 // pages that are read at once, before a rest
	// copyAgain bounds the pages that the read transaction keeps in memory.
	copyAgain = 8192
	// copyPasses bounds the passes without a transaction.
	copyPasses = 10
	// copyHold and copyHoldRate bound the read transaction: a minute, or longer for a file that is read at less than
	// that many bytes a second.
	copyHold     = time.Minute
	copyHoldRate = 64 << 20
)

// Copy copies the file while it is in use, as one read transaction sees it. inspect, if not nil, runs in that
// transaction. rest is how long to rest for each unit of time spent on copying; 0 means not at all.
//
// A transaction that lasts as long as the copying would make the file grow: bbolt could not reuse pages meanwhile. So
// Copy reads the pages without one, and may see them half written. A keyed hash of each page that was sent is kept. A
// short transaction at the end reads all pages again, and collects those whose hash differs. They are sent when it has
// ended, so a slow sink holds nothing. If too many have changed, there is another pass. After ten it is ErrCopyHeld.
// The memory it takes is 8 bytes a page, and 32 MiB.
//
// Free pages are left out. They may hold what was deleted.
func (db *DB) Copy(
	ctx context.Context, sink PageSink, inspect func(*bbolt.Tx) error, rest float64,
) (Copied, error) {
	c := &copying{db: db, sink: sink, rest: rest, seed: maphash.MakeSeed()}
	for range copyPasses {
		changed, err := c.pass(ctx)
		if err != nil {
			return Copied{}, fmt.Errorf("copy the database: %w", err)
		}
		if changed > copyAgain {
			continue
		}
		done, err := c.finish(ctx, inspect)
		if errors.Is(err, errCopyAgain) {
			continue
		}
		if err != nil {
			return Copied{}, fmt.Errorf("copy the database: %w", err)
		}
		return done, nil
	}
	return Copied{}, fmt.Errorf("copy the database: it changes faster than it can be copied: %w", ErrCopyHeld)
}

// errCopyAgain asks for another pass.
var errCopyAgain = errors.New("too many pages have changed")

// copying is one copy.
type copying struct {
	db     *DB
	sink   PageSink
	rest   float64
	seed   maphash.Seed
	hashes []uint64 // of the pages that were sent; 0 of others
	passes int
	again  uint64
}

// pass sends the pages that have changed since they were sent. It returns how many these were.
func (c *copying) pass(ctx context.Context) (changed uint64, err error) {
	var free pageSet
	var high uint64
	err = c.db.View(ctx, func(tx *bbolt.Tx) error {
		p := c.pages(tx)
		high = p.high
		if m := readMetas(c.db.file).of(uint64(tx.ID())); m != nil { //nolint:gosec // not negative
			free, _ = freePages(p, m) // a later transaction may have replaced it
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	err = c.each(ctx, high, free, true, func(first uint64, run []byte) error {
		changed += uint64(len(run)) / uint64(c.db.pageSize) //nolint:gosec // not negative
		return c.send(first, run)
	}, nil)
	if c.passes++; c.passes > 1 {
		c.again += changed
		return changed, err
	}
	return 0, err
}

// finish sends what has changed since, as one read transaction sees it.
func (c *copying) finish(ctx context.Context, inspect func(*bbolt.Tx) error) (done Copied, err error) {
	type run struct {
		first uint64
		pages []byte
	}
	var late []run
	var kept uint64
	sum := sha256.New()
	began := time.Now()
	err = c.db.View(ctx, func(tx *bbolt.Tx) error {
		p := c.pages(tx)
		m := readMetas(c.db.file).of(uint64(tx.ID())) //nolint:gosec // not negative
		if m == nil {
			return errCopyAgain // two transactions were quicker
		}
		free, err := freePages(p, m)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithTimeoutCause(ctx, copyBound(tx.Size()), ErrCopyHeld)
		defer cancel()
		done.At, done.Bytes, done.PageSize = time.Now().UTC(), tx.Size(), int(p.size)
		metas := m.pages()
		_, _ = sum.Write(metas)
		late = append(late, run{0, metas})
		err = c.each(ctx, p.high, free, false, func(first uint64, pages []byte) error {
			if kept += uint64(len(pages)) / uint64(p.size); kept > copyAgain { //nolint:gosec // not negative
				return errCopyAgain
			}
			late = append(late, run{first, append([]byte(nil), pages...)})
			return nil
		}, sum)
		if err == nil && inspect != nil {
			err = inspect(tx)
		}
		if held := context.Cause(ctx); errors.Is(held, ErrCopyHeld) {
			return held
		}
		return err
	})
	done.Held = time.Since(began)
	for _, r := range late { // also after errCopyAgain: the next pass finds less
		if sent := c.send(r.first, r.pages); sent != nil {
			return done, sent
		}
	}
	c.again += kept
	done.Again = c.again
	sum.Sum(done.SHA256[:0])
	return done, err
}

// copyBound is how long a transaction over that many bytes may last.
func copyBound(bytes int64) time.Duration {
	return max(copyHold, time.Duration(float64(bytes)/copyHoldRate*float64(time.Second)))
}

func (c *copying) pages(tx *bbolt.Tx) *pages {
	size := c.db.pageSize
	return &pages{file: c.db.file, size: size, high: uint64(tx.Size() / size)} //nolint:gosec // not negative
}

// each calls changed with each run of pages below high that are not what was sent. Free pages count as zeros. all, if
// not nil, gets every page. With paced set it rests between chunks. The transaction at the end does not: while it is
// open, no page that a commit frees is used again. With rests a file of 1 GB grew by 42% at 500 orders a second, and by
// 3% without.
func (c *copying) each(
	ctx context.Context, high uint64, free pageSet, paced bool, changed PageSink, all io.Writer,
) error {
	if grown := high + 1; uint64(len(c.hashes)) < grown {
		c.hashes = append(c.hashes, make([]uint64, grown-uint64(len(c.hashes)))...)
	}
	size := uint64(c.db.pageSize) //nolint:gosec // not negative
	buffer := make([]byte, copyChunk*size)
	for at := uint64(firstPage); at < high; at += copyChunk {
		began := time.Now()
		chunk := buffer[:min(copyChunk, high-at)*size]
		if _, err := c.db.file.ReadAt(chunk, int64(at*size)); err != nil { //nolint:gosec // within the file
			return fmt.Errorf("read pages from %d on: %w", at, err)
		}
		from := -1 // where a run began
		count := len(chunk) / int(c.db.pageSize)
		for i := range count {
			id := at + uint64(i)
			page := chunk[uint64(i)*size:][:size]
			var hash uint64
			if free == nil || !free.has(id) {
				hash = c.hash(page)
			} else {
				clear(page)
			}
			switch same := hash == c.hashes[id]; {
			case !same && from < 0:
				from = i
			case same && from >= 0:
				if err := changed(at+uint64(from), chunk[uint64(from)*size:uint64(i)*size]); err != nil {
					return err
				}
				from = -1
			}
		}
		if from >= 0 {
			if err := changed(at+uint64(from), chunk[uint64(from)*size:]); err != nil {
				return err
			}
		}
		if all != nil {
			if _, err := all.Write(chunk); err != nil {
				return err
			}
		}
		if ctx.Err() != nil || paced && !pause(ctx, time.Duration(c.rest*float64(time.Since(began)))) {
			return context.Cause(ctx)
		}
	}
	return nil
}

// send gives pages to the sink, and notes them as sent.
func (c *copying) send(first uint64, run []byte) error {
	size := int(c.db.pageSize)
	for i := range len(run) / size {
		if page := run[i*size:][:size]; first+uint64(i) >= firstPage {
			c.hashes[first+uint64(i)] = c.hash(page)
		}
	}
	return c.sink(first, run)
}

// hash returns the hash of a page, and 0 of one that is zeros, as free pages are sent.
func (c *copying) hash(page []byte) uint64 {
	for _, b := range page {
		if b != 0 {
			return maphash.Bytes(c.seed, page)
		}
	}
	return 0
}

// freePages returns the free pages of a transaction.
func freePages(p *pages, m *meta) (pageSet, error) {
	ids, _, err := p.free(m.freelist)
	if err != nil {
		return nil, err
	}
	set := newPageSet(p.high)
	for _, id := range ids {
		set.add(id)
	}
	return set, nil
}

// pages returns both meta pages of a file whose newest transaction is m.
func (m *meta) pages() []byte {
	pages := make([]byte, 2*m.pageSize)
	for i := range uint64(2) {
		page := pages[i*m.pageSize:][:pageHeaderSize+metaSize]
		binary.NativeEndian.PutUint64(page, i)
		binary.NativeEndian.PutUint16(page[8:], flagMeta)
		body := page[pageHeaderSize:]
		copy(body, m.raw[:])
		binary.NativeEndian.PutUint64(body[metaTxidAt:], m.txid-i)
		sum := fnv.New64a()
		_, _ = sum.Write(body[:metaSumAt])
		binary.NativeEndian.PutUint64(body[metaSumAt:], sum.Sum64())
	}
	return pages
}

// PageSize returns the size of a page in bytes.
func (db *DB) PageSize() int { return int(db.pageSize) }

// CopyFile checks every page of the database file at path and writes it to w, without what stands after its last page.
// Nobody may have it open: ErrLocked. Damage is ErrDamaged or ErrTruncated; then nothing is written.
func CopyFile(ctx context.Context, path string, w io.Writer) (bytes int64, pageSize int, err error) {
	file, err := openToRead(ctx, path)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	m := readMetas(file)
	if err := checkMetas(file, m); err != nil {
		return 0, 0, damaged(path, "%s", err)
	}
	newest := m.newest()
	if err := checkLength(file, newest); err != nil {
		return 0, 0, err
	}
	var found Checked
	structure := pages{file: file, size: int64(newest.pageSize), high: newest.high} //nolint:gosec // 32 bits
	if err := found.structure(ctx, &structure, newest); err != nil {
		return 0, 0, err
	}
	if len(found.Faults) > 0 {
		return 0, 0, damaged(path, "%d faults, the first: %s", len(found.Faults)+found.More, found.Faults[0])
	}
	bytes = int64(newest.high) * structure.size //nolint:gosec // not longer than the file
	_, err = io.Copy(w, io.NewSectionReader(file, 0, bytes))
	return bytes, int(structure.size), err
}

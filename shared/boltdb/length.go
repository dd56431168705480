package boltdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
)

// The layout of bbolt's two meta pages, file format version 2 (internal/common/meta.go of bbolt 1.5.0).
const (
	pageHeaderSize = 16
	metaMagic      = 0xED0CDAED
	metaPageSizeAt = 8
	metaRootAt     = 16
	metaFreelistAt = 32
	metaHighPageAt = 40
	metaTxidAt     = 48
	metaSumAt      = 56
	metaSize       = 64
)

// meta is the content of a meta page.
type meta struct {
	pageSize, root, freelist, high, txid uint64

	raw [metaSize]byte // as it stands in the file
}

// metas are both meta pages. One whose checksum does not match is nil.
type metas [2]*meta

// newest returns the valid meta page with the newest transaction, or nil.
func (m metas) newest() *meta {
	if m[0] == nil || m[1] != nil && m[1].txid > m[0].txid {
		return m[1]
	}
	return m[0]
}

// of returns the meta page of a transaction, or nil if a later one has replaced it.
func (m metas) of(txid uint64) *meta {
	for _, found := range m {
		if found != nil && found.txid == txid {
			return found
		}
	}
	return nil
}

// readMetas reads both meta pages.
func readMetas(f io.ReaderAt) metas {
	first := readMeta(f, 0)
	second := int64(os.Getpagesize())
	if first != nil {
		second = int64(first.pageSize) //nolint:gosec // 32 bits
	}
	return metas{first, readMeta(f, second)}
}

func readMeta(f io.ReaderAt, at int64) *meta {
	b := make([]byte, metaSize)
	if _, err := f.ReadAt(b, at+pageHeaderSize); err != nil {
		return nil
	}
	sum := fnv.New64a()
	_, _ = sum.Write(b[:metaSumAt])
	if binary.NativeEndian.Uint32(b) != metaMagic || binary.NativeEndian.Uint64(b[metaSumAt:]) != sum.Sum64() {
		return nil
	}
	number := func(at int) uint64 { return binary.NativeEndian.Uint64(b[at:]) }
	return &meta{
		raw: [metaSize]byte(b),
		pageSize: uint64(
			binary.NativeEndian.Uint32(b[metaPageSizeAt:]),
		),
		root:     number(metaRootAt),
		freelist: number(metaFreelistAt),
		high:     number(metaHighPageAt),
		txid:     number(metaTxidAt),
	}
}

// checkMetas reports what is wrong with the meta pages of a file that is not empty. A commit writes one of them in a
// single sector, so no crash damages it. bbolt would silently use the other one, which lacks the newest transaction. A
// file has zeros there only if its creation was interrupted.
func checkMetas(f io.ReaderAt, m metas) error {
	if m.newest() == nil {
		return fmt.Errorf("%w: neither meta page is valid: it is not a database file, or both are damaged", errPage)
	}
	for i, found := range m {
		//nolint:gosec // 32 bits
		if found == nil && (m.newest().txid > 1 || !zeros(f, int64(i)*int64(m.newest().pageSize))) {
			return fmt.Errorf("%w %d: the checksum of the meta page does not match: the newest transaction may be lost",
				errPage, i)
		}
	}
	return nil
}

func zeros(f io.ReaderAt, at int64) bool {
	b := make([]byte, pageHeaderSize+metaSize)
	n, err := f.ReadAt(b, at)
	if err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	for _, c := range b[:n] {
		if c != 0 {
			return false
		}
	}
	return true
}

// checkLength compares the file's length with the number of pages in its newest meta page. Reading past the end of a
// mapped file is a SIGBUS, so a truncated file must be found before it is mapped.
func checkLength(f *os.File, m *meta) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if need := m.high * m.pageSize; uint64(info.Size()) < need { //nolint:gosec // a size is not negative
		return fmt.Errorf("%w (it has %d bytes, and should have %d by its metadata)", ErrTruncated, info.Size(), need)
	}
	return nil
}

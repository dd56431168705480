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
	metaHighPageAt = 40
	metaTxidAt     = 48
	metaSumAt      = 56
	metaSize       = 64
)

// checkLength holds the file's length against the number of pages its newest meta page speaks of. Reading past the end
// of a mapped file is a SIGBUS, which no Go program survives, so a truncated file must be found before it is mapped.
func checkLength(f *os.File) error {
	info, err := f.Stat()
	if err != nil || info.Size() == 0 {
		return err
	}
	pages, pageSize := newestMeta(f)
	if pageSize == 0 {
		return nil // not a bbolt file: bbolt says so itself
	}
	if need := pages * uint64(pageSize); uint64(info.Size()) < need { //nolint:gosec // a size is not negative
		return fmt.Errorf("%w (it has %d bytes, its metadata speak of %d)", ErrTruncated, info.Size(), need)
	}
	return nil
}

// newestMeta returns the number of pages in use and the page size, 0 when there is no valid meta page.
func newestMeta(f io.ReaderAt) (pages uint64, pageSize uint32) {
	var newest uint64
	read := func(at int64) (size uint32) {
		b := make([]byte, metaSize)
		if _, err := f.ReadAt(b, at+pageHeaderSize); err != nil && !errors.Is(err, io.EOF) {
			return 0
		}
		sum := fnv.New64a()
		_, _ = sum.Write(b[:metaSumAt])
		if binary.NativeEndian.Uint32(b) != metaMagic || binary.NativeEndian.Uint64(b[metaSumAt:]) != sum.Sum64() {
			return 0
		}
		if txid := binary.NativeEndian.Uint64(b[metaTxidAt:]); txid >= newest {
			newest, pages = txid, binary.NativeEndian.Uint64(b[metaHighPageAt:])
		}
		return binary.NativeEndian.Uint32(b[metaPageSizeAt:])
	}
	pageSize = read(0)
	second := int64(pageSize)
	if second == 0 {
		second = int64(os.Getpagesize())
	}
	return pages, max(pageSize, read(second))
}

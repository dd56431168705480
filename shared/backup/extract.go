package backup

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"

	"ordertally/shared/boltdb"
)

// Extract copies the backup or the database file from to the new database file to, which gets the permissions 0600. An
// existing file is refused: os.ErrExist. to is complete or absent, and on the disk.
//
// A backup must match the checksums of its manifest: ErrDamaged. Of a database file every page is checked:
// boltdb.ErrDamaged, and boltdb.ErrLocked while a service has it open. The manifest of a database file has only its
// size and its sum. Extract does not look into records: see [Service.Verify] and boltdb.CheckFile.
func Extract(ctx context.Context, from, to string) (Manifest, error) {
	m, err := extract(ctx, from, to, nil)
	if err != nil {
		return Manifest{}, fmt.Errorf("extract %s: %w", from, err)
	}
	return m, nil
}

// extract is Extract. pace, if not nil, is called after each part of a backup, and what was written is synced in steps.
func extract(ctx context.Context, from, to string, pace func()) (m Manifest, err error) {
	source, err := openRegular(from)
	if err != nil {
		return m, err
	}
	defer func() { _ = source.Close() }()
	m, err = readManifest(source)
	plain := errors.Is(err, ErrNoBackup)
	if err != nil && !plain {
		return m, err
	}
	return m, create(to, func(target *os.File) error {
		if plain {
			sum := sha256.New()
			m.Bytes, m.PageSize, err = boltdb.CopyFile(ctx, from, io.MultiWriter(target, sum))
			m.SHA256 = hex.EncodeToString(sum.Sum(nil))
			return err
		}
		return unpack(ctx, source, target, &m, pace)
	}, nil)
}

// maxRun bounds the pages of a run.
const maxRun = 1 << 16

// unpack writes the pages of a backup to target, and checks both sums.
func unpack(ctx context.Context, source io.ReaderAt, target *os.File, m *Manifest, pace func()) error {
	if err := target.Truncate(m.Bytes); err != nil {
		return err
	}
	sum := sha256.New()
	stored := io.TeeReader(io.NewSectionReader(source, int64(len(head)), m.StoredBytes), sum)
	packed, err := zstd.NewReader(stored, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return err
	}
	defer packed.Close()
	var pages io.WriterAt = target
	if pace != nil {
		pages = &pacedFile{file: target, pace: pace}
	}
	if err := writeRuns(ctx, bufio.NewReaderSize(packed, 1<<20), pages, m); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, stored); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != m.StoredSum {
		return damaged("the checksum of its pages does not match its manifest")
	}
	whole := sha256.New()
	if _, err := io.Copy(whole, &interruptible{ctx, io.NewSectionReader(target, 0, m.Bytes), pace}); err != nil {
		return err
	}
	if hex.EncodeToString(whole.Sum(nil)) != m.SHA256 {
		return damaged("what it holds is not the database that its manifest describes")
	}
	return nil
}

func writeRuns(ctx context.Context, packed io.Reader, target io.WriterAt, m *Manifest) error {
	high := uint64(m.Bytes) / uint64(m.PageSize) //nolint:gosec // checked
	var pages []byte
	for ctx.Err() == nil {
		header := make([]byte, 12)
		if _, err := io.ReadFull(packed, header); err != nil {
			return damaged("its pages: %v", err)
		}
		first, count := binary.BigEndian.Uint64(header), uint64(binary.BigEndian.Uint32(header[8:]))
		if count == 0 {
			if n, err := io.Copy(io.Discard, packed); n > 0 || err != nil {
				return damaged("its pages go on after the last one: %d bytes, %v", n, err)
			}
			return nil
		}
		// The file may have shrunk while it was copied: then pages past its end were sent.
		if count > maxRun || first > 1<<48 {
			return damaged("it has %d pages from %d on", count, first)
		}
		if size := int(count) * m.PageSize; cap(pages) < size {
			pages = make([]byte, size)
		}
		pages = pages[:int(count)*m.PageSize]
		if _, err := io.ReadFull(packed, pages); err != nil {
			return damaged("its pages: %v", err)
		}
		if first >= high {
			continue
		}
		within := pages[:int(min(count, high-first))*m.PageSize]
		if _, err := target.WriteAt(within, int64(first)*int64(m.PageSize)); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// interruptible ends when its context does.
type interruptible struct {
	ctx context.Context //nolint:containedctx // it is a reader for io.Copy
	io.Reader
	pace func() // called before each Read, if not nil
}

// Read implements io.Reader.
func (i *interruptible) Read(b []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	if i.pace != nil {
		i.pace()
	}
	return i.Reader.Read(b)
}

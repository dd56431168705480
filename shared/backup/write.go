package backup

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"
	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb"
)

// Contents is what a database holds.
type Contents struct {
	Identity string
	Counts   map[string]uint64
}

// Service is what a backup needs to know of a service.
type Service struct {
	Format boltdb.Format
	Check  boltdb.Checker
	// Contents counts what a file holds. It must not read values, because the file's pages are held meanwhile.
	Contents func(*bbolt.Tx) (Contents, error)
}

// Result describes a backup that was written.
type Result struct {
	Manifest
	Copied boltdb.Copied
	Size   int64 // of the backup, in bytes
}

// Write writes a backup of an open file to w. The file stays in use: see [boltdb.DB.Copy]. After an error, what was
// written is no backup, and reading it says so.
func (s *Service) Write(ctx context.Context, db *boltdb.DB, w io.Writer) (Result, error) {
	done, err := s.write(ctx, db, w)
	if err != nil {
		return Result{}, fmt.Errorf("back up %s: %w", db.Path(), err)
	}
	return done, nil
}

// resting is how long a backup rests for each unit of time that it worked.
const resting = 1

func (s *Service) write(ctx context.Context, db *boltdb.DB, w io.Writer) (done Result, err error) {
	if _, err := io.WriteString(w, head); err != nil {
		return done, err
	}
	stored := &summed{to: w, sum: sha256.New()}
	packed, err := zstd.NewWriter(stored, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return done, err
	}
	run := func(first uint64, count int, pages []byte) error {
		header := binary.BigEndian.AppendUint64(nil, first)
		header = binary.BigEndian.AppendUint32(header, uint32(count)) //nolint:gosec // a chunk
		if _, err := packed.Write(header); err != nil {
			return err
		}
		_, err := packed.Write(pages)
		return err
	}
	var contents Contents
	pageSize := db.PageSize()
	done.Copied, err = db.Copy(ctx, func(first uint64, pages []byte) error {
		return run(first, len(pages)/pageSize, pages)
	}, func(tx *bbolt.Tx) (err error) {
		contents, err = s.Contents(tx)
		return err
	}, resting)
	if err == nil {
		err = run(0, 0, nil)
	}
	if closing := packed.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return done, err
	}
	done.Manifest = Manifest{
		Service: s.Format.Service, Format: s.Format.Number, Identity: contents.Identity, Counts: contents.Counts,
		TakenAt: done.Copied.At, PageSize: pageSize, Bytes: done.Copied.Bytes,
		SHA256: hex.EncodeToString(done.Copied.SHA256[:]), StoredBytes: stored.n,
		StoredSum: hex.EncodeToString(stored.sum.Sum(nil)),
	}
	last, err := appendTrailer(nil, &done.Manifest)
	if err != nil {
		return done, err
	}
	done.Size = int64(len(head)) + stored.n + int64(len(last))
	_, err = w.Write(last)
	return done, err
}

// summed counts and sums what is written.
type summed struct {
	to  io.Writer
	sum hash.Hash
	n   int64
}

// Write implements io.Writer.
func (s *summed) Write(b []byte) (int, error) {
	n, err := s.to.Write(b)
	_, _ = s.sum.Write(b[:n])
	s.n += int64(n)
	return n, err
}

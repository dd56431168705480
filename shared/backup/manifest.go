package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/go-json-experiment/json"

	"ordertally/shared/boltdb"
)

const (
	headPrefix = "ordertally-backup/"
	head       = headPrefix + "1\n"
	end        = "ordertally-end\n"

	trailerSize = 8 + sha256.Size + len(end)
	maxManifest = 1 << 20
)

// Manifest says what a backup is of.
type Manifest struct {
	Service  string            `json:"service"`  // such as order
	Format   int               `json:"format"`   // of the database file
	Identity string            `json:"identity"` // of an order file its lineage; "" of an activity file
	TakenAt  time.Time         `json:"taken_at"` // the moment that the backup shows
	Counts   map[string]uint64 `json:"counts"`   // such as orders, last_slot

	PageSize    int    `json:"page_size"`
	Bytes       int64  `json:"bytes"`        // of the database file
	SHA256      string `json:"sha256"`       // of the database file, hexadecimal
	StoredBytes int64  `json:"stored_bytes"` // of the pages' part of the backup
	StoredSum   string `json:"stored_sha256"`
}

var (
	// ErrDamaged says that a backup is not what was written.
	ErrDamaged = errors.New("the backup is damaged: use another one")
	// ErrNoBackup says that a file is no backup. It may be a database file.
	ErrNoBackup = errors.New("the file is not a backup")
)

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// ReadManifest reads the manifest of the backup at path. It reads no pages, so they may still be damaged. Errors:
// ErrNoBackup, ErrDamaged, boltdb.ErrNewFormat.
func ReadManifest(path string) (Manifest, error) {
	file, err := openRegular(path)
	if err != nil {
		return Manifest{}, fmt.Errorf("read backup: %w", err)
	}
	defer func() { _ = file.Close() }()
	m, err := readManifest(file)
	if err != nil {
		return Manifest{}, fmt.Errorf("read backup %s: %w", path, err)
	}
	return m, nil
}

// openRegular opens a regular file for reading. A pipe would wait.
func openRegular(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) //nolint:gosec // the path is the operator's
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file", path)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

func readManifest(file *os.File) (m Manifest, err error) {
	info, err := file.Stat()
	if err != nil {
		return m, err
	}
	if err := checkHead(file); err != nil {
		return m, err
	}
	size := info.Size()
	trailer := make([]byte, trailerSize)
	room := size - int64(len(head)) - int64(trailerSize)
	if room < 0 {
		return m, damaged("it is truncated: it has %d bytes", size)
	}
	if _, err := file.ReadAt(trailer, size-int64(trailerSize)); err != nil {
		return m, err
	}
	if string(trailer[8+sha256.Size:]) != end {
		return m, damaged("it is truncated or something was added: it does not end as a backup does")
	}
	length := binary.BigEndian.Uint64(trailer)
	if length > maxManifest || int64(length) > room {
		return m, damaged("its manifest cannot have %d bytes", length)
	}
	text := make([]byte, length)
	if _, err := file.ReadAt(text, size-int64(trailerSize)-int64(len(text))); err != nil {
		return m, err
	}
	if sum := sha256.Sum256(text); !bytes.Equal(sum[:], trailer[8:8+sha256.Size]) {
		return m, damaged("the checksum of its manifest does not match")
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, damaged("its manifest: %v", err)
	}
	switch {
	case m.StoredBytes != room-int64(len(text)):
		return m, damaged("it has %d bytes of pages, and its manifest says %d: it is truncated or was put together "+
			"from two", room-int64(len(text)), m.StoredBytes)
	case m.PageSize < 512 || m.PageSize > 1<<16 || m.Bytes < 0 || m.Bytes%int64(m.PageSize) != 0:
		return m, damaged("its manifest says %d bytes in pages of %d", m.Bytes, m.PageSize)
	}
	return m, nil
}

// checkHead tells a backup from anything else.
func checkHead(file io.ReaderAt) error {
	found := make([]byte, len(head))
	n, err := file.ReadAt(found, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch text := string(found[:n]); {
	case text == head:
		return nil
	case strings.HasPrefix(text, headPrefix):
		return fmt.Errorf("its head is %.24q: if it is not damaged, %w", text, boltdb.ErrNewFormat)
	case strings.HasPrefix(head, text):
		return damaged("it is truncated: it has %d bytes", n)
	}
	return ErrNoBackup
}

// appendTrailer appends the manifest and the trailer.
func appendTrailer(b []byte, m *Manifest) ([]byte, error) {
	text, err := json.Marshal(m, json.Deterministic(true))
	if err != nil {
		return nil, fmt.Errorf("write the manifest: %w", err)
	}
	sum := sha256.Sum256(text)
	b = append(b, text...)
	b = binary.BigEndian.AppendUint64(b, uint64(len(text)))
	b = append(b, sum[:]...)
	return append(b, end...), nil
}

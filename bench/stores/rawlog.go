package stores

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// rawLog appends the records of a group to a file and syncs it: what the disk can take. It can find nothing again.
type rawLog struct {
	*grouped
	file   *os.File
	buffer bytes.Buffer
}

// OpenRawLog makes a log in dir.
func OpenRawLog(_ context.Context, dir string) (Store, error) {
	file, err := os.Create(filepath.Join(dir, "log")) //nolint:gosec // ours
	if err != nil {
		return nil, err
	}
	l := &rawLog{file: file}
	l.grouped = newGrouped(l.commit)
	return l, nil
}

func (l *rawLog) commit(group []*groupRequest) error {
	l.buffer.Reset()
	for _, r := range group {
		size := 0
		parts := [][]byte{r.records.payload, r.records.message, r.records.key, r.records.keyValue, r.records.customer}
		for _, part := range parts {
			size += len(part)
		}
		_ = binary.Write(&l.buffer, binary.BigEndian, uint64(size)) // into memory
		for _, part := range parts {
			l.buffer.Write(part)
		}
	}
	if _, err := l.file.Write(l.buffer.Bytes()); err != nil {
		return err
	}
	return unix.Fdatasync(int(l.file.Fd()))
}

func (l *rawLog) Count() (n int64, err error) {
	for at := int64(0); ; n++ {
		var size [8]byte
		if _, err := l.file.ReadAt(size[:], at); errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil {
			return 0, err
		}
		at += int64(len(size)) + int64(binary.BigEndian.Uint64(size[:])) //nolint:gosec // as written
	}
}

func (l *rawLog) Close() error {
	l.stop()
	return l.file.Close()
}

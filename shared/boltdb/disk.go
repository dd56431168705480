package boltdb

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// DiskFree returns how many bytes this process may still write to the file system of the file.
func (db *DB) DiskFree() (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(db.path), &stat); err != nil {
		return 0, fmt.Errorf("ask for the free space of the disk: %w", err)
	}
	return int64(stat.Bavail) * stat.Bsize, nil //nolint:gosec // G115: a disk of 8 EiB is far
}

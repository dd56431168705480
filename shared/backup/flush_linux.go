package backup

import (
	"os"

	"golang.org/x/sys/unix"
)

// flush writes a part of a file to the disk. It does not make it durable: neither the file system's journal nor the
// cache of the disk is flushed, which is what holds up the commits of a database beside it.
func flush(f *os.File, at, n int64) error {
	const writeAndWait = unix.SYNC_FILE_RANGE_WAIT_BEFORE | unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
	err := unix.SyncFileRange(int(f.Fd()), at, n, writeAndWait)
	if err != nil {
		return &os.PathError{Op: "sync_file_range", Path: f.Name(), Err: err}
	}
	return nil
}

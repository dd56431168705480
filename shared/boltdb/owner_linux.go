package boltdb

import (
	"os"
	"syscall"
)

// keepOwner gives the file at path the owner of another file. A service that runs as its own user must be able to open
// what root compacted.
func keepOwner(path string, like os.FileInfo) error {
	stat, ok := like.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	return os.Chown(path, int(stat.Uid), int(stat.Gid))
}

package backup

import "golang.org/x/sys/unix"

// diskFree returns how many bytes this process may still write to the file system of dir.
func diskFree(dir string) (int64, error) {
	var stat unix.Statfs_t
	if err := unix.Statfs(dir, &stat); err != nil {
		return 0, err
	}
	return int64(stat.Bavail) * stat.Bsize, nil //nolint:gosec // G115: a disk of 8 EiB is far
}

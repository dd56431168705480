package boltdb

import (
	"encoding/binary"
	"os"

	"golang.org/x/sys/unix"
)

// place returns what tells a file from every copy of it: its inode, and when that inode was made if the file system
// knows. It survives a rename and a restart of the machine.
func place(f *os.File) ([]byte, error) {
	var stat unix.Statx_t
	err := unix.Statx(int(f.Fd()), "", unix.AT_EMPTY_PATH, unix.STATX_INO|unix.STATX_BTIME, &stat)
	if err != nil {
		return nil, &os.PathError{Op: "statx", Path: f.Name(), Err: err}
	}
	at := binary.BigEndian.AppendUint64(nil, stat.Ino)
	if stat.Mask&unix.STATX_BTIME == 0 {
		return at, nil
	}
	at = binary.BigEndian.AppendUint64(at, uint64(stat.Btime.Sec)) //nolint:gosec // the bits are kept
	return binary.BigEndian.AppendUint32(at, stat.Btime.Nsec), nil
}

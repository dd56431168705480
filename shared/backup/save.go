package backup

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"ordertally/shared/boltdb"
)

// Saved describes a backup that was saved and verified.
type Saved struct {
	Manifest
	Size    int64 // of the backup, in bytes
	Checked boltdb.Checked
}

// Save makes the new file at path with the backup that write writes, and verifies it. The file has the permissions
// 0600. Whatever happens, it is complete, verified and on the disk, or absent. An existing file is refused:
// os.ErrExist. The directory needs room for the backup and for the whole database file. See [Service.Verify] for pace.
func (s *Service) Save(
	ctx context.Context, path string, pace func(), write func(io.Writer) error,
) (saved Saved, err error) {
	err = create(path, func(file *os.File) error { return write(&pacedFile{file: file}) }, func(name string) error {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		saved.Size = info.Size()
		if saved.Manifest, saved.Checked, err = s.Verify(ctx, name, filepath.Dir(path), pace); err != nil {
			return err
		}
		if n := len(saved.Checked.Faults); n > 0 {
			return damaged("%d faults were found in the copy, the first: %s: run `check` on the database file",
				n+saved.Checked.More, saved.Checked.Faults[0])
		}
		return nil
	})
	if err != nil {
		return Saved{}, fmt.Errorf("save backup %s: %w", path, err)
	}
	return saved, nil
}

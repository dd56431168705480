package settings

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"

	"ordertally/shared/settings/plainfile"
)

// CheckHostPort refuses a value that is not HOST:PORT. The port is a number or the name of a service. It does not check
// whether the host exists.
func CheckHostPort(value string) error {
	_, port, err := net.SplitHostPort(value)
	if err != nil {
		return fmt.Errorf("%q is not HOST:PORT", value)
	}
	if _, err := net.DefaultResolver.LookupPort(context.Background(), "tcp", port); err != nil {
		return fmt.Errorf("%q is not HOST:PORT: the port is a number from 0 to 65535", value)
	}
	return nil
}

// CheckFile tells why this process cannot write to the regular file at path, or cannot create it if there is none. It
// opens and creates nothing.
func CheckFile(path string) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return fmt.Errorf("%s is a directory: name a file in it", path)
	case err == nil:
		if err := plainfile.Check(path, info); err != nil {
			return fmt.Errorf("%w: name one that is, or a new one", err)
		}
		if err := mayWrite(path); err != nil {
			return fmt.Errorf("%s cannot be written: %w: change its owner or mode, or run as the user whose it is",
				path, err)
		}
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	if target, err := os.Readlink(path); err == nil { // a link to a file that does not exist yet
		if !filepath.IsAbs(target) {
			target = filepath.Join(filepath.Dir(path), target)
		}
		return CheckFile(target)
	}
	dir := filepath.Dir(path)
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the directory %s does not exist: make it, or name a file elsewhere", dir)
	} else if err != nil {
		return err
	}
	if err := mayWrite(dir); err != nil {
		return fmt.Errorf("no file can be made in the directory %s: %w: change its owner or mode, or run as the user "+
			"whose it is", dir, err)
	}
	return nil
}

//go:build unix

package settings_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ordertally/shared/settings"
)

func TestFilesThatThisUserMayNotWrite(t *testing.T) {
	dir := t.TempDir()
	for _, way := range []string{dir, filepath.Dir(dir)} {
		if err := os.Chmod(way, 0o755); err != nil { // anybody may come as far as to the file
			t.Fatal(err)
		}
	}
	file, locked := filepath.Join(dir, "file"), filepath.Join(dir, "locked")
	if err := os.WriteFile(file, []byte("x"), 0o444); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(locked, 0o555); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 { // who may write anywhere: be somebody else for a moment, with the right to come back
		if err := syscall.Setreuid(65534, -1); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := syscall.Setreuid(0, -1); err != nil {
				t.Fatal(err)
			}
		}()
	}
	for path, want := range map[string]string{file: file + " cannot be written",
		filepath.Join(locked, "new"): "no file can be made in the directory " + locked} {
		if err := settings.CheckFile(path); err == nil || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), "change its owner or mode") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

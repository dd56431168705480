//go:build unix

package plainfile_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"ordertally/shared/settings/plainfile"
	"ordertally/shared/settings/plainfile/plainfiletest"
)

// within is Read or ReadOnce, that must not hang.
func within(t *testing.T, read func(string, int64) ([]byte, error), path string, most int64) (text string, err error) {
	t.Helper()
	err = plainfiletest.Within(t, func() error {
		had, err := read(path, most)
		text = string(had)
		return err
	})
	return text, err
}

func TestWhatIsNoPlainFileIsRefused(t *testing.T) {
	for path, want := range plainfiletest.Refused(t) {
		if _, err := within(t, plainfile.Read, path, plainfile.Bound); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	socket := filepath.Join(t.TempDir(), "socket")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if _, err := within(t, plainfile.Read, socket, plainfile.Bound); err == nil {
		t.Error("a socket was read")
	}
	info, err := os.Stat(socket)
	if err != nil {
		t.Fatal(err)
	}
	if err := plainfile.Check(socket, info); err == nil ||
		!strings.Contains(err.Error(), "is a socket, not a regular file") {
		t.Errorf("a socket: %v", err)
	}
	if _, err := within(t, plainfile.Read, filepath.Join(t.TempDir(), "none"), 1); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestAFileIsReadUpToItsBound(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte("four"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func(string, int64) ([]byte, error){"Read": plainfile.Read,
		"ReadOnce": plainfile.ReadOnce} {
		for _, p := range []string{path, plainfiletest.Link(t, path)} {
			if text, err := within(t, read, p, 4); text != "four" || err != nil {
				t.Errorf("%s: %q, %v", name, text, err)
			}
			if text, err := within(t, read, p, 3); err == nil || text != "" ||
				!strings.Contains(err.Error(), "larger than 3 bytes") {
				t.Errorf("%s: %q, %v", name, text, err)
			}
		}
	}
}

// TestAPipeIsReadOnce has pipes as a shell's <(command) makes them.
func TestAPipeIsReadOnce(t *testing.T) {
	piped := func(write func(*os.File)) (string, error) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = r.Close() }()
		go func() {
			write(w)
			_ = w.Close()
		}()
		return within(t, plainfile.ReadOnce, "/dev/fd/"+strconv.Itoa(int(r.Fd())), 64<<10)
	}
	if text, err := piped(func(w *os.File) {
		_, _ = w.WriteString("one")
		_,
			_ = w.WriteString(" two")
	}); text != "one two" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	endless := func(w *os.File) {
		for err := error(nil); err == nil; {
			_, err = w.Write(make([]byte, 4096))
		}
	}
	if _, err := piped(endless); err == nil || !strings.Contains(err.Error(), "larger than 65536 bytes") {
		t.Errorf("a pipe without end: %v", err)
	}
	const nobody = "is a pipe that nobody wrote to"
	if _, err := piped(func(*os.File) {}); err == nil || !strings.Contains(err.Error(), nobody) {
		t.Errorf("an empty pipe: %v", err)
	}
	if _, err := within(t, plainfile.ReadOnce, plainfiletest.FIFO(t), 1); err == nil ||
		!strings.Contains(err.Error(), nobody) {
		t.Errorf("a FIFO: %v", err)
	}
	if text, err := within(t, plainfile.ReadOnce, "/dev/null", 1); text != "" || err != nil {
		t.Errorf("nothing: %q, %v", text, err)
	}
	if _, err := within(t, plainfile.ReadOnce, "/dev/zero", 1000); err == nil {
		t.Error("/dev/zero was read to its end")
	}
}

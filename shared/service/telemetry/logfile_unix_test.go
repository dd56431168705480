//go:build unix

package telemetry_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ordertally/shared/service/telemetry"
	"ordertally/shared/settings/plainfile/plainfiletest"
)

// TestLog_RefusesWhatIsNoRegularFile also accepts a file that does not exist yet. Rotating would rename a device, and
// opening a FIFO waits for its reader.
func TestLog_RefusesWhatIsNoRegularFile(t *testing.T) {
	fifo, fresh := plainfiletest.FIFO(t), filepath.Join(t.TempDir(), "order.log")
	for path, want := range map[string]string{
		fifo: "is a pipe, not a regular file", plainfiletest.Link(t, fifo): "is a pipe, not a regular file",
		"/dev/null":                        "/dev/null is a device, not a regular file",
		plainfiletest.Link(t, "/dev/null"): "is a device, not a regular file",
		t.TempDir():                        "is a directory, not a regular file",
		plainfiletest.Link(t, fresh):       "", fresh: "",
	} {
		err := plainfiletest.Within(t, func() error {
			log, err := telemetry.OpenLog(telemetry.LogConfig{Level: "info", File: path, RotateEvery: time.Hour},
				io.Discard, "order")
			if err != nil {
				return err
			}
			log.Logger.Error().Msg("a line")
			return log.Close()
		})
		if (err == nil) != (want == "") {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
		if err != nil && (!strings.HasPrefix(err.Error(), "log file: ") || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), "standard error")) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	if info, err := os.Stat("/dev/null"); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		t.Errorf("/dev/null is no device any more: %v, %v", info, err)
	}
}

// TestLog_RotationKeepsALink is mostly about /dev/stderr. Rotation moves the target of a link, not the link.
func TestLog_RotationKeepsALink(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "order.log")
	if err := os.WriteFile(path, []byte(`{"time":"2020-01-01T00:00:00.000Z"}`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := plainfiletest.Link(t, path)
	logOneLine(t, telemetry.LogConfig{Level: "info", File: link, RotateEvery: time.Hour})
	if target, err := os.Readlink(link); err != nil || target != path {
		t.Errorf("the link leads to %q, %v", target, err)
	}
	if old := rotated(t, dir); len(old) != 1 {
		t.Errorf("rotated files: %v", old)
	}
	if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), "of this run") {
		t.Errorf("the file has %q, %v", text, err)
	}
}

// TestLog_DoesNotWaitForItsFile replaces the file with a FIFO before it is opened. Opening a FIFO waits for a reader.
// The other output still gets all lines.
func TestLog_DoesNotWaitForItsFile(t *testing.T) {
	path, out := filepath.Join(t.TempDir(), "order.log"), &lockedBuffer{}
	err := plainfiletest.Within(t, func() error {
		log, err := telemetry.OpenLog(telemetry.LogConfig{Level: "info", File: path}, out, "order")
		if err != nil {
			return err
		}
		if err := errors.Join(os.Remove(path), unix.Mkfifo(path, 0o600)); err != nil {
			return err
		}
		log.Logger.Error().Msg("first")
		log.Logger.Error().Msg("second")
		return log.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.Contains(text, "first") || !strings.Contains(text, "second") {
		t.Errorf("standard error has %q", text)
	}
	// The library closes the file once somebody reads it.
	reader, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = reader.Close() })
	buffer := make([]byte, 4096)
	if _, err := reader.Read(buffer); err != nil {
		t.Fatal(err)
	}
}

// lockedBuffer may be written and read concurrently.
type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

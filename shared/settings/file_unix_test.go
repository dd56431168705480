//go:build unix

package settings_test

import (
	"os"
	"strconv"
	"strings"
	"testing"

	"ordertally/shared/settings"
	"ordertally/shared/settings/plainfile/plainfiletest"
)

func TestASettingsFileThatIsAPipe(t *testing.T) {
	parsed := func(path string) (workers int, err error) {
		err = plainfiletest.Within(t, func() error {
			c, err := parse(t, "", nil, "serve", "--config", path)
			workers = c.Serve.Workers
			return err
		})
		return workers, err
	}
	r, w, err := os.Pipe() // as a shell's <(command) is one
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	if _, err := w.WriteString("workers: 5\n"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if workers, err := parsed("/dev/fd/" + strconv.Itoa(int(r.Fd()))); workers != 5 || err != nil {
		t.Errorf("%d workers, %v", workers, err)
	}
	if workers, err := parsed("/dev/null"); workers != 4 || err != nil {
		t.Errorf("without settings %d workers, %v", workers, err)
	}
	if _, err := parsed("/dev/zero"); err == nil ||
		!strings.Contains(err.Error(), "settings file: /dev/zero is larger than 65536 bytes") {
		t.Errorf("without an end: %v", err)
	}
	fifo := plainfiletest.FIFO(t)
	if _, err := parsed(fifo); err == nil ||
		!strings.Contains(err.Error(), "settings file: "+fifo+" is a pipe that nobody wrote to") {
		t.Errorf("a FIFO: %v", err)
	}
}

func TestWhatIsWrittenIsARegularFile(t *testing.T) {
	fifo := plainfiletest.FIFO(t)
	for _, path := range []string{fifo, plainfiletest.Link(t, fifo), "/dev/null"} {
		if err := settings.CheckFile(path); err == nil ||
			!strings.Contains(err.Error(), ", not a regular file: name one that is") {
			t.Errorf("%s: %v", path, err)
		}
	}
}

package orderd

import (
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ordertally/order/admission"
	"ordertally/shared/clock/clocktest"
)

// TestService_AFullDiskShowsInReadinessAndHealsByItself uses a disk that is really full. Reads go on meanwhile.
func TestService_AFullDiskShowsInReadinessAndHealsByItself(t *testing.T) {
	mount := t.TempDir()
	mountMemory(t, mount, "16m")
	a, _, stop := serveFile(t, filepath.Join(mount, "order.db"),
		func(c *Config) { c.Admission = admission.Config{FreeDisk: -1} })
	t.Cleanup(stop)
	stored := path.Base(a.place().location)
	ballast := filepath.Join(mount, "ballast")
	fillDisk(t, ballast)
	var got answer
	for got = a.place(); got.status == http.StatusCreated; got = a.place() { // the file has free pages
		stored = path.Base(got.location)
	}
	if got.status != http.StatusServiceUnavailable || got.code != "disk_full" || got.retryAfter == "" {
		t.Errorf("a placement: %+v", got)
	}
	if status, text := a.ask(a.service.OpsAddr(), "/readyz"); status != http.StatusServiceUnavailable ||
		!strings.Contains(text, "[-]disk failed") || !strings.Contains(text, "no space left") {
		t.Errorf("/readyz: %d %s", status, text)
	}
	if status, text := a.ask(a.service.OpsAddr(), "/livez"); status != http.StatusOK {
		t.Errorf("/livez: %d %s", status, text)
	}
	if status, _ := a.ask(a.service.Addr(), "/v1/orders/"+stored); status != http.StatusOK {
		t.Errorf("a read: %d", status)
	}
	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	clocktest.Eventually(a.t, "it is ready again, without a placement", func() bool {
		status, _ := a.ask(a.service.OpsAddr(), "/readyz")
		return status == http.StatusOK
	})
	if got := a.place(); got.status != http.StatusCreated {
		t.Errorf("a placement afterwards: %+v", got)
	}
}

// mountMemory mounts a file system of that size.
func mountMemory(t *testing.T, at, size string) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: only root can mount a file system that is full")
	}
	if output, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs",
		at).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: a small file system cannot be mounted here: %v: %s", err, output)
	}
	t.Cleanup(func() {
		if output, err := exec.Command("umount", at).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, output)
		}
	})
}

// fillDisk writes a file until there is no room for more.
func fillDisk(t *testing.T, path string) {
	t.Helper()
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = file.Write(make([]byte, 4096))
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
}

package e2e_test

import (
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ordertally/shared/clock/clocktest"
	"ordertally/stack/stacktest"
)

// TestOrder_IsEndedByASignalWhileItReadsItsSettings exists because at that moment there is nothing to stop in order. A
// signal must end the process as usual.
func TestOrder_IsEndedByASignalWhileItReadsItsSettings(t *testing.T) {
	order := stacktest.OrderProgram(t)
	pipe := filepath.Join(t.TempDir(), "order.yaml")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	fd, err := unix.Open(pipe, unix.O_RDWR|unix.O_CLOEXEC, 0) // a writer that has more to say
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if _, err := unix.Write(fd, []byte("# settings\n")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(order, "serve", "--config", pipe)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	clocktest.Within(t, 10*time.Second, "order reads its settings", func() bool {
		left, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
		return err == nil && left == 0
	})
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err == nil {
			t.Error("it ended well without its settings")
		}
	case <-time.After(10 * time.Second):
		t.Error("SIGTERM has no effect")
	}
}

package e2e_test

import (
	"net"
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

// TestServices_EndWellWhenTheyAreToldToStopWhileTheyStart sends a signal as soon as a listener of the process answers:
// of `ordertally dev` that is before the activity service has started.
func TestServices_EndWellWhenTheyAreToldToStopWhileTheyStart(t *testing.T) {
	for _, name := range []string{"order", "activity", "dev"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := filepath.Join(t.TempDir(), "data")
			for range 3 { // a file that is new, then one that is not
				api, ops := stacktest.FreePort(t), stacktest.FreePort(t)
				s := stacktest.Serving{Program: stacktest.OrderProgram(t), Args: []string{
					"serve", "--listen", api, "--ops-listen", ops, "--data", data, "--kafka", stacktest.Nowhere,
				}}
				switch name {
				case "activity":
					s.Program = stacktest.ActivityProgram(t)
				case "dev":
					s.Program = stacktest.DevProgram(t)
					s.Args = []string{
						"dev", "--no-import", "--data", data, "--order-listen", api, "--order-ops-listen", ops,
						"--activity-listen", "127.0.0.1:0", "--activity-ops-listen", "127.0.0.1:0",
						"--kafka-listen", "127.0.0.1:0",
					}
				}
				p := stacktest.Run(t, s)
				clocktest.Eventually(t, "it listens", func() bool {
					conn, err := net.Dial("tcp", ops)
					if err != nil {
						return false
					}
					_ = conn.Close()
					return true
				})
				p.Ends(syscall.SIGTERM, 20*time.Second)
			}
		})
	}
}

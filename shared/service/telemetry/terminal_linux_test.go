package telemetry_test

import (
	"os"
	"regexp"
	"testing"

	"golang.org/x/sys/unix"

	"ordertally/shared/service/telemetry"
)

func TestLoggerIsReadableOnATerminal(t *testing.T) {
	terminal, other := pseudoTerminal(t)
	logger := telemetry.NewLogger(terminal, "activity")
	logger.Info().Str("day", "2010-12-01").Msg("counted")
	buf := make([]byte, 1024)
	n, err := other.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	text := regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(string(buf[:n]), "")
	if !regexp.MustCompile(`^\d\d:\d\d:\d\d\.\d{3}Z INF counted day=2010-12-01 service=activity\s+$`).MatchString(
		text) {
		t.Errorf("line %q", text)
	}
}

// pseudoTerminal returns the two ends of a new one: what is written to the first can be read from the second.
func pseudoTerminal(t *testing.T) (terminal, other *os.File) {
	t.Helper()
	other, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = other.Close() })
	fd := int(other.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	peer, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.TIOCGPTPEER, unix.O_RDWR|unix.O_NOCTTY)
	if errno != 0 {
		t.Fatal(errno)
	}
	terminal = os.NewFile(peer, "pty")
	t.Cleanup(func() { _ = terminal.Close() })
	return terminal, other
}

package output_test

import (
	"context"
	"errors"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

// openTerminal returns a terminal of that height, and what was drawn on it so far.
func openTerminal(t *testing.T, height uint16) (terminal *os.File, drawn func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		terminal, err = os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(terminal.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: height, Col: 80})
	}
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var all strings.Builder
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			mu.Lock()
			all.Write(buffer[:n])
			mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = terminal.Close()
		<-ended // the last one to close ends the read
		_ = master.Close()
	})
	return terminal, func() string {
		mu.Lock()
		defer mu.Unlock()
		return all.String()
	}
}

func TestWatch_DrawsInPlaceOnATerminal(t *testing.T) {
	terminal, drawn := openTerminal(t, 6)
	ctx, cancel := context.WithCancel(t.Context())
	watch := output.Watch{Watch: true, Every: time.Millisecond}
	n := 0
	err := watch.Run(ctx, safetext.NewWriter(terminal), func(_ context.Context, out io.Writer) error {
		n++
		switch n {
		case 2:
			return errors.New("away\x1b[2J")
		case 3:
			cancel()
		}
		return output.JSON(out, []string{"a", "b", "c", "d", "\x1b"}) // 7 lines
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = terminal.Sync()
	_ = terminal.Close() // all is drawn when the reader has ended
	clocktest.Eventually(t, "the watch has ended", func() bool { return strings.Contains(drawn(), "\x1b[?1049l[") })
	text := drawn()
	for _, want := range []string{
		"\x1b[?1049h",                          // beside what was there
		"\x1b[H[\x1b[K\r\n  \"a\",\x1b[K\r\n",  // indented, from the top
		"4 of 7 lines, every 1ms, Ctrl-C ends", // no more than there is room for
		"as it was: away\\u001b[2J",            // a failure does not clear the screen
		"\x1b[?1049l[\r\n  \"a\",\r\n  \"b\"",  // the last answer stays
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %q", want, text)
		}
	}
}

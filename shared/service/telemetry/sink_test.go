package telemetry_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"ordertally/shared/service/telemetry"
)

// stallingWriter takes nothing until it is released.
type stallingWriter struct {
	held     chan struct{} // closed when the first line came
	once     sync.Once
	released chan struct{}

	mu   sync.Mutex
	text bytes.Buffer
}

func newStallingWriter() *stallingWriter {
	return &stallingWriter{held: make(chan struct{}), released: make(chan struct{})}
}

func (w *stallingWriter) Write(line []byte) (int, error) {
	w.once.Do(func() { close(w.held) })
	<-w.released
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(line)
}

func (w *stallingWriter) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// TestLog_DropsAndCountsWhatItsReaderDoesNotTake checks that logging does not wait. Once the reader is back, a line
// tells how many are missing.
func TestLog_DropsAndCountsWhatItsReaderDoesNotTake(t *testing.T) {
	w := newStallingWriter()
	log, err := telemetry.OpenLog(telemetry.LogConfig{Level: "info"}, w, "order")
	if err != nil {
		t.Fatal(err)
	}
	reg := prometheus.NewRegistry()
	log.Drops.Register(reg, "order")
	metric := func(n uint64) string {
		return fmt.Sprintf("# HELP order_log_lines_dropped_total Log lines dropped since the process started, "+
			"because standard error or the log file did not take them in time.\n"+
			"# TYPE order_log_lines_dropped_total counter\norder_log_lines_dropped_total %d\n", n)
	}
	if err := testutil.GatherAndCompare(reg, strings.NewReader(metric(0)),
		"order_log_lines_dropped_total"); err != nil {
		t.Error(err)
	}
	const lines = 1000
	for i := range lines {
		log.Logger.Info().Int("line", i).Str("filling", strings.Repeat("x", 10_000)).Msg("a long line")
	}
	<-w.held
	lost := log.Drops.Lines()
	if lost < lines/2 || lost >= lines {
		t.Fatalf("%d of %d lines of 10 KB were dropped: 4 MiB may wait", lost, lines)
	}
	if err := testutil.GatherAndCompare(reg, strings.NewReader(metric(lost)),
		"order_log_lines_dropped_total"); err != nil {
		t.Error(err)
	}
	close(w.released)
	log.Logger.Info().Msg("back")
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	text := w.String()
	if n := strings.Count(text, "a long line"); n != lines-int(lost) {
		t.Errorf("%d lines were written and %d dropped, of %d", n, lost, lines)
	}
	if want := fmt.Sprintf(`"lines":%d,`, lost); strings.Count(text, "log lines are missing here") != 1 ||
		!strings.Contains(text, want) {
		t.Errorf("the line that says what is missing is not there once, with %s: ...%s", want,
			text[max(0, len(text)-1000):])
	}
	if !strings.Contains(text, `"line":0,`) {
		t.Error("the oldest line is not there: those that find no room are the newest")
	}
}

// TestLog_ClosesThoughNobodyReads closes with lines left, even with the first one.
func TestLog_ClosesThoughNobodyReads(t *testing.T) {
	w := newStallingWriter()
	t.Cleanup(func() { close(w.released) })
	log, err := telemetry.OpenLog(telemetry.LogConfig{Level: "info"}, w, "order")
	if err != nil {
		t.Fatal(err)
	}
	log.Logger.Error().Msg("a line")
	closed := make(chan error, 1)
	go func() { closed <- log.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("Close waits for the reader")
	}
	log.Logger.Error().Msg("after the end")
	if n := log.Drops.Lines(); n != 1 {
		t.Errorf("%d lines are counted as dropped, want the one after the end", n)
	}
}

// fullDisk refuses what it is told to.
type fullDisk struct {
	io.Writer
	full bool
}

func (w *fullDisk) Write(line []byte) (int, error) {
	if w.full = !w.full; w.full {
		return 0, errors.New("no space left on device")
	}
	return w.Writer.Write(line)
}

// TestLog_CountsWhatCouldNotBeWritten covers a full disk and a pipe without a reader.
func TestLog_CountsWhatCouldNotBeWritten(t *testing.T) {
	var text bytes.Buffer
	log, err := telemetry.OpenLog(telemetry.LogConfig{Level: "info"}, &fullDisk{Writer: &text}, "order")
	if err != nil {
		t.Fatal(err)
	}
	log.Logger.Info().Msg("first")
	log.Logger.Info().Msg("second")
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if n := log.Drops.Lines(); n != 1 || strings.Contains(text.String(), "first") ||
		!strings.Contains(text.String(), "second") {
		t.Errorf("%d lines are counted as dropped, want 1 of\n%s", n, &text)
	}
}

package telemetry

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/shared/service/metric"
	"ordertally/shared/text/safetext"
)

// Drops counts log lines that were lost because an output did not take them. Its reader stalled or exited, or its disk
// is full. A line lost by two outputs counts twice. The zero value is ready for use.
type Drops struct{ lines atomic.Uint64 }

// Lines returns how many lines were lost since the process started. It is 0 for a nil Drops.
func (d *Drops) Lines() uint64 {
	if d == nil {
		return 0
	}
	return d.lines.Load()
}

// Register registers the metric service_log_lines_dropped_total for d. The metric exists from the start, even for a nil
// Drops.
func (d *Drops) Register(reg prometheus.Registerer, service string) {
	metric.CounterOf(reg, service+"_log_lines_dropped_total", "Log lines dropped since the process started, because "+
		"standard error or the log file did not take them in time.", d.Lines)
}

// maxQueued bounds the lines that wait for one output, in bytes. An output that keeps up has few. The room is for a
// reader that pauses.
const maxQueued = 4 << 20

// closePatience is how long Close waits for an output to take what is left.
const closePatience = 500 * time.Millisecond

// leveled is a line on its way to an output, with its level.
type leveled struct {
	level zerolog.Level
	text  []byte // shared by all outputs, so never changed
}

// sink is one output for log lines. Lines wait in memory and a goroutine writes them, so logging never waits for a
// reader. Lines that find no room are dropped and counted. Once the output takes lines again, one line tells how many
// are missing.
type sink struct {
	out   zerolog.LevelWriter
	drops *Drops
	// note returns the line that tells how many lines are missing.
	note func(lines uint64) []byte
	// finish is called after the last line is written.
	finish func() error

	mu      sync.Mutex
	queue   []leveled
	bytes   int
	missing uint64 // dropped since the last line that was written
	closed  bool
	wake    chan struct{} // holds one token when there is something to do
	ended   chan struct{} // closed when run has returned and err is set
	err     error         // the error of finish
}

// newSink returns a sink that writes to w. When it is closed and has written everything, it calls finish. It must be
// closed.
func newSink(w io.Writer, drops *Drops, note func(uint64) []byte, finish func() error) *sink {
	out, ok := w.(zerolog.LevelWriter)
	if !ok {
		out = zerolog.LevelWriterAdapter{Writer: w}
	}
	s := &sink{
		out:    out,
		drops:  drops,
		note:   note,
		finish: finish,
		wake:   make(chan struct{}, 1),
		ended:  make(chan struct{}),
	}
	go s.run()
	return s
}

// add adds a line. It never waits.
func (s *sink) add(line leveled) {
	s.mu.Lock()
	switch {
	case s.closed || s.bytes+len(line.text) > maxQueued:
		s.lost()
	default:
		s.queue = append(s.queue, line)
		s.bytes += len(line.text)
	}
	s.mu.Unlock()
	s.nudge()
}

// lost counts a line. The caller holds s.mu.
func (s *sink) lost() {
	s.missing++
	s.drops.lines.Add(1)
}

func (s *sink) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func (s *sink) run() {
	defer close(s.ended)
	for range s.wake {
		for {
			line, missing, ok := s.next()
			if !ok {
				break
			}
			s.write(line, missing)
		}
		s.mu.Lock()
		done := s.closed && len(s.queue) == 0
		s.mu.Unlock()
		if done {
			s.err = s.finish()
			return
		}
	}
}

// next takes the oldest line. missing is the number of lines dropped before it. Waiting lines are older than dropped
// ones, so missing is only reported once all waiting lines are written.
func (s *sink) next() (line leveled, missing uint64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue) == 0 {
		s.queue = nil // frees the memory of a burst
		return leveled{}, 0, false
	}
	line, s.queue = s.queue[0], s.queue[1:]
	if len(s.queue) == 0 {
		missing, s.missing = s.missing, 0
	}
	return line, missing, true
}

func (s *sink) write(line leveled, missing uint64) {
	_, err := s.out.WriteLevel(line.level, line.text)
	s.mu.Lock()
	s.bytes -= len(line.text)
	if err != nil {
		s.missing += missing
		s.lost()
	}
	s.mu.Unlock()
	if err != nil || missing == 0 {
		return
	}
	if _, err := s.out.WriteLevel(zerolog.WarnLevel, s.note(missing)); err != nil {
		s.mu.Lock()
		s.missing += missing
		s.mu.Unlock()
	}
}

// close waits up to closePatience for the rest to be written. Lines that are not taken by then are lost, which is not
// an error.
func (s *sink) close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.nudge()
	timer := time.NewTimer(closePatience)
	defer timer.Stop()
	select {
	case <-s.ended:
		return s.err
	case <-timer.C:
		return nil
	}
}

// fanout hands each line to every output.
type fanout []*sink

// Write implements io.Writer.
func (f fanout) Write(line []byte) (int, error) { return f.WriteLevel(zerolog.NoLevel, line) }

// WriteLevel implements zerolog.LevelWriter. It never fails and never waits.
func (f fanout) WriteLevel(level zerolog.Level, line []byte) (int, error) {
	kept := safetext.Append(make([]byte, 0, len(line)), line) // a copy, because zerolog reuses its buffer
	for _, s := range f {
		s.add(leveled{level, kept})
	}
	return len(line), nil
}

// close closes all outputs concurrently.
func (f fanout) close() error {
	errs := make([]error, len(f))
	var closing sync.WaitGroup
	for i, s := range f {
		closing.Go(func() { errs[i] = s.close() })
	}
	closing.Wait()
	return errors.Join(errs...)
}

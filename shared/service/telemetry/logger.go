package telemetry

import (
	"io"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
)

// timeFormat has milliseconds, always three digits, so lines sort as text. The time is UTC.
const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// NewLogger returns a logger that writes to w, usually os.Stderr. It writes one JSON object per line, or readable lines
// when w is a terminal. Each line has time (RFC 3339, UTC, milliseconds), level, message and service.
func NewLogger(w io.Writer, service string) zerolog.Logger { return newLogger(forPeople(w), service) }

// forPeople makes lines readable if w is a terminal.
func forPeople(w io.Writer) io.Writer {
	if isTerminal(w) {
		return zerolog.ConsoleWriter{Out: w, TimeFormat: "15:04:05.000Z", TimeLocation: time.UTC}
	}
	return w
}

func newLogger(w io.Writer, service string) zerolog.Logger {
	return zerolog.New(w).With().Str("service", service).Logger().Hook(timestamp{})
}

// timestamp replaces zerolog's own timestamp, whose format is a global.
type timestamp struct{}

func (timestamp) Run(e *zerolog.Event, _ zerolog.Level, _ string) {
	e.Str(zerolog.TimestampFieldName, time.Now().UTC().Format(timeFormat))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(interface{ Fd() uintptr })
	return ok && isatty.IsTerminal(f.Fd())
}

package tracing

import (
	"github.com/go-logr/logr"
	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel"
)

// listen sends the complaints of the OpenTelemetry libraries to logger, in the whole process. By default they go to
// standard error.
func listen(logger zerolog.Logger) {
	otel.SetLogger(logr.New(complaints{logger}))
	otel.SetErrorHandler(otel.ErrorHandlerFunc(
		func(err error) { logger.Warn().Err(err).Msg("OpenTelemetry reports an error") }))
}

// complaints implements logr.LogSink. It logs what the libraries say is wrong with their settings and limits. They
// attach what they read, such as a piece of the header fields or a URL with a password, and the error then quotes it.
// So both are left out, except for the names of files.
type complaints struct{ logger zerolog.Logger }

var _ logr.LogSink = complaints{}

// Init implements logr.LogSink.
func (complaints) Init(logr.RuntimeInfo) {}

// Enabled implements logr.LogSink. Warnings have level 1. Plain news has a higher level.
func (complaints) Enabled(level int) bool { return level <= 1 }

// Info implements logr.LogSink.
func (c complaints) Info(_ int, said string, with ...any) { say(c.logger.Warn(), said, nil, with) }

// Error implements logr.LogSink.
func (c complaints) Error(err error, said string, with ...any) {
	say(c.logger.Error(), said, err, with)
}

// WithValues implements logr.LogSink.
func (c complaints) WithValues(...any) logr.LogSink { return c }

// WithName implements logr.LogSink.
func (c complaints) WithName(string) logr.LogSink { return c }

func say(e *zerolog.Event, said string, err error, with []any) {
	file := len(with) == 2 && with[0] == "file"
	if file {
		e.Any("file", with[1])
	}
	if file || len(with) == 0 {
		e.Err(err)
	}
	e.Str("complaint", said).Msg("OpenTelemetry: look at the OTEL_ variables")
}

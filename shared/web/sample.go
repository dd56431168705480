package web

import (
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/web/problem"
)

// A log of all requests of a flood would be a flood itself, and of errors one of fsyncs. Of each second the first
// hundred lines are written, then each hundredth.
const (
	logBurst = 100
	logEvery = 100
)

// Sampled returns a logger for lines that come with requests. Of a flood it writes some only: the metrics count all.
// Lines of two kinds take two of them, so that neither crowds out the other.
func Sampled(logger zerolog.Logger) zerolog.Logger {
	return logger.Sample(&zerolog.BurstSampler{Burst: logBurst, Period: time.Second,
		NextSampler: &zerolog.BasicSampler{N: logEvery}})
}

// Failures is the log of requests that failed for a reason that their client is not told.
type Failures struct{ logger zerolog.Logger }

// NewFailures returns one that writes to logger, of a flood only some.
func NewFailures(logger zerolog.Logger) *Failures { return &Failures{Sampled(logger)} }

// Log says why the request was answered with status.
func (f *Failures) Log(r *http.Request, status int, err error) {
	f.logger.Error().Str("trace_id", problem.TraceID(r.Context())).Err(err).Int("status", status).
		Str("path", r.URL.Path).Msg("request failed")
}

package web

import (
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/web/problem"
)

// In each second the first hundred lines are written, and then every hundredth. A log of a whole flood would be a flood
// itself, and each error line costs an fsync.
const (
	logBurst = 100
	logEvery = 100
)

// Sampled returns a logger for lines that clients can cause. In a flood it writes only some of them; metrics count all.
// Each kind of line needs a sampled logger of its own, so that none crowds out another.
func Sampled(logger zerolog.Logger) zerolog.Logger {
	return logger.Sample(&zerolog.BurstSampler{Burst: logBurst, Period: time.Second,
		NextSampler: &zerolog.BasicSampler{N: logEvery}})
}

// Failures logs the requests that failed for a reason that the client is not told.
type Failures struct{ logger zerolog.Logger }

// NewFailures returns a Failures that writes to logger, sampled.
func NewFailures(logger zerolog.Logger) *Failures { return &Failures{Sampled(logger)} }

// Log writes why the request was answered with status.
func (f *Failures) Log(r *http.Request, status int, err error) {
	f.logger.Error().Str("trace_id", problem.TraceID(r.Context())).Err(err).Int("status", status).
		Str("path", r.URL.Path).Msg("request failed")
}

package web

import (
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/service/telemetry/tracing"
	"ordertally/shared/web/problem"
)

// Front wraps the handlers of an API. It counts, times, traces and logs requests, and answers for handlers that panic.
// Metrics, Tracing and Logger are required.
type Front struct {
	Metrics *Metrics
	Tracing *tracing.Tracing
	Logger  zerolog.Logger
	// Quiet logs successful requests at debug level, for a log that people read.
	Quiet bool
}

// Wrap returns the handler that answers requests with next.
func (f Front) Wrap(next http.Handler) http.Handler {
	next = f.Metrics.Recover(f.Logger, next)
	well, ill, usual := Sampled(f.Logger), Sampled(f.Logger), zerolog.InfoLevel
	if f.Quiet {
		usual = zerolog.DebugLevel
	}
	return f.Metrics.instrument(func(rec *recorder, r *http.Request, ex *exchange) {
		ctx, span := f.Tracing.Begin(r.Context(), r.Header)
		began := time.Now()
		ex.trace = span.Trace
		completed := false
		defer func() { // even when the handler panics to cut the connection
			status := 0
			if completed || rec.status != 0 {
				status = rec.statusOrOK()
			}
			span.End(methodLabel(r.Method), ex.route, status)
			logger, level := &well, usual
			if status == 0 || status >= http.StatusInternalServerError {
				logger, level = &ill, zerolog.WarnLevel
			}
			if line := logger.WithLevel(level); line.Enabled() { // most lines of a flood are not written
				line.Str("trace_id", problem.TraceID(ctx)).Str("method", methodLabel(r.Method)).Str("route", ex.route).
					Int("status", status).Dur("duration_ms", time.Since(began)).Str("caller", ex.caller).
					Str("remote", r.RemoteAddr).Msg("request")
			}
		}()
		next.ServeHTTP(rec, r.WithContext(ex.with(ctx)))
		completed = true
	})
}

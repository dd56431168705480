package web

import (
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/rs/zerolog"

	"ordertally/shared/service/lifecycle"
	"ordertally/shared/web/problem"
)

// Recover turns a panic of next into a 500 problem that says nothing of the cause, a log line with the stack, of a
// flood only some, and one more in http_panics_total. When the answer had already begun, the connection is cut instead,
// so that the client cannot take half an answer for a whole one. http.ErrAbortHandler passes through: it is the way to
// cut a connection. With a *lifecycle.PanicError next passes on what happened in another goroutine.
func (m *Metrics) Recover(logger zerolog.Logger, next http.Handler) http.Handler {
	logger, panics := Sampled(logger), m.panics
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := newRecorder(w)
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if v == http.ErrAbortHandler { //nolint:errorlint // a panic value, compared as net/http does
				panic(v)
			}
			panics.Inc()
			stack := debug.Stack()
			if p, ok := v.(*lifecycle.PanicError); ok {
				v, stack = p.Value, p.Stack
			}
			logger.Error().
				Str("trace_id", problem.TraceID(r.Context())).
				Str("method", methodLabel(r.Method)).
				Str("panic", fmt.Sprint(v)).
				Str("stack", string(stack)).
				Msg("a request's handler panicked")
			if rec.status != 0 {
				panic(http.ErrAbortHandler)
			}
			problem.Write(rec, r, problem.Internal())
		}()
		next.ServeHTTP(rec, r)
	})
}

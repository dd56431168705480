package web

import (
	"fmt"
	"net/http"
	"runtime/debug"

	"github.com/rs/zerolog"

	"ordertally/shared/service/lifecycle"
	"ordertally/shared/web/problem"
)

// Recover turns a panic of next into a 500 problem that does not tell the cause. It logs the stack, sampled, and counts
// http_panics_total. If the answer has begun, it cuts the connection instead, so that no client takes half an answer
// for a whole one. http.ErrAbortHandler passes through, because it means to cut the connection. A panic with a
// *lifecycle.PanicError is logged as the panic of the other goroutine.
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

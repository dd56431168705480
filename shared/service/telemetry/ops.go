package telemetry

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"
	"golang.org/x/sync/semaphore"

	"ordertally/shared/auth"
	"ordertally/shared/service/lifecycle"
	"ordertally/shared/web"
	"ordertally/shared/web/openapi"
	"ordertally/shared/web/problem"
)

// Ops configures a service's ops listener.
type Ops struct {
	Registry *prometheus.Registry
	Health   *Health
	// Level is the level of the log. /loglevel shows it, and changes it for callers that Guard allows. nil disables
	// that.
	Level *Level
	Guard *auth.Guard
	// Metrics count requests whose handler panicked. Logger gets their stacks. Metrics are required.
	Metrics *web.Metrics
	Logger  zerolog.Logger
}

// OpsHandler serves a service's ops listener: /metrics, /livez, /readyz, /startupz, /loglevel, /debug/pprof/{profile}
// and a page for each problem.
//
// /livez, /readyz and /startupz answer 200 "ok" or 503, as text. With ?verbose, and always with 503, the answer has a
// line for each check, "[+]name ok" or "[-]name failed: reason", as the Kubernetes API server writes them. A check's
// note is in brackets at the end of its line.
//
// /metrics leaves out a metric that cannot be collected. It counts that in promhttp_metric_handler_errors_total and
// logs why, because most of the metrics are worth more than none.
//
// A profile is taken for callers that Guard allows: of the processor, of what is allocated, of what waits. It takes a
// minute at most, and one is taken at a time.
//
// A panic, whether of a check or of a metric's callback, is a 500 problem. It is counted in http_panics_total: see
// [web.Metrics.Recover].
func OpsHandler(o Ops) http.Handler {
	return o.Metrics.Recover(o.Logger, web.NewRouter(o.Guard.Protect(o.routes())))
}

// OpsRoutes returns the routes of every ops listener, for the documents. Their handlers do not serve.
func OpsRoutes() []web.Route {
	return (&Ops{Registry: prometheus.NewRegistry(), Level: &Level{}}).routes()
}

// routes is the one table of all routes and the scope that each needs.
func (o *Ops) routes() []web.Route {
	metrics := promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{
		Registry:      o.Registry,
		ErrorHandling: promhttp.ContinueOnError,
		ErrorLog:      gatheringLog{web.Sampled(o.Logger)},
	})
	routes := []web.Route{
		{Method: http.MethodGet, Path: "/metrics", Scope: auth.Public, Handler: atOnce(maxScrapes, metrics)},
		{Method: http.MethodGet, Path: "/livez", Scope: auth.Public, Handler: healthHandler(o.Health, Live, "livez")},
		{Method: http.MethodGet, Path: "/readyz", Scope: auth.Public,
			Handler: healthHandler(o.Health, Ready, "readyz")},
		{Method: http.MethodGet, Path: "/startupz", Scope: auth.Public,
			Handler: healthHandler(o.Health, Started, "startupz")},
		profileRoute(),
	}
	if o.Level != nil {
		routes = append(routes, levelRoutes(o.Level)...)
	}
	return append(routes, openapi.ProblemRoutes("Ordertally: ops listener", OpsProblems())...)
}

// The kinds of problems that only ops listeners have.
var (
	kindForbidden = problem.Kind{Status: http.StatusForbidden, Code: "forbidden",
		Says:     "The service asks for no credential, and the request does not come from the service's own machine.",
		Client:   "Send the request from the machine of the service, to an IP address or `localhost`.",
		Operator: "Make a key with the scope `ops:write`, if others are to do this. Then they send it."}
	kindInvalidLevel = problem.Kind{Status: http.StatusUnprocessableEntity, Code: "invalid_level",
		Says:   "The log has no such level.",
		Client: "Send a level that the detail names."}
	kindProfileRunning = problem.Kind{Status: http.StatusConflict, Code: "profile_running",
		Says:     "Another profile of the process is being taken.",
		Client:   "Ask again when the other profile has ended, which takes a minute at most.",
		Operator: "A process takes one profile at a time. `ordertally dev` is one process."}
)

// OpsProblems returns the problems that every ops listener may answer with.
func OpsProblems() []problem.Kind {
	return append(problem.OfBody(),
		kindForbidden, kindInvalidLevel, kindProfileRunning, auth.KindUnauthenticated, auth.KindInsufficientScope,
		auth.KindIssuerAway, problem.KindMalformedJSON, problem.KindInvalidParameter, problem.KindNotFound,
		problem.KindMethodNotAllowed, problem.KindInternal, problem.KindUnavailable, web.KindOverloaded,
	)
}

// maxScrapes is the number of scrapes that run at once. Each reads all metrics, and the health checks need the
// processor too.
const maxScrapes = 2

// scrapePatience is how long a scrape waits for others. Prometheus gives a scrape ten seconds.
const scrapePatience = 5 * time.Second

// atOnce serves at most that many requests at once. The others wait. An answer is complete before any of it is sent, so
// none waits for a client that reads slowly.
func atOnce(most int64, next http.Handler) http.HandlerFunc {
	room := semaphore.NewWeighted(most)
	return func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), scrapePatience)
		defer cancel()
		if room.Acquire(ctx, 1) != nil {
			problem.Write(
				w,
				r,
				web.KindOverloaded.New(
					"As many scrapes are made as can be at once. Scrape less often, or from fewer places.",
				),
			)
			return
		}
		made := &buffered{ResponseWriter: w}
		func() {
			defer room.Release(1)
			next.ServeHTTP(made, r)
		}()
		made.send()
	}
}

// buffered keeps an answer until it is sent.
type buffered struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (b *buffered) WriteHeader(status int)         { b.status = cmp.Or(b.status, status) }
func (b *buffered) Write(text []byte) (int, error) { return b.body.Write(text) }

func (b *buffered) send() {
	web.BoundWriting(b.ResponseWriter, b.body.Len())
	b.ResponseWriter.WriteHeader(cmp.Or(b.status, http.StatusOK))
	_, _ = b.ResponseWriter.Write(b.body.Bytes()) // the only possible error is a client that has gone
}

// gatheringLog receives package promhttp's reason for leaving out a metric.
type gatheringLog struct{ logger zerolog.Logger }

// Println implements promhttp.Logger.
func (l gatheringLog) Println(why ...any) {
	l.logger.Error().Str("error", fmt.Sprint(why...)).Msg("a metric could not be collected")
}

func healthHandler(health *Health, kind Kind, name string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status, text := http.StatusOK, "ok"
		var lines strings.Builder
		for _, result := range health.Run(r.Context(), kind) {
			// a bug in the program, not an answer of the check
			if p, ok := errors.AsType[*checkPanic](result.Err); ok {
				panic(&lifecycle.PanicError{Value: fmt.Sprintf("check %s: %v", result.Name, p.value), Stack: p.stack})
			}
			note := ""
			if result.Note != "" {
				note = " (" + oneLine(result.Note) + ")"
			}
			if result.Err == nil {
				lines.WriteString("[+]" + result.Name + " ok" + note + "\n")
				continue
			}
			status = http.StatusServiceUnavailable
			lines.WriteString("[-]" + result.Name + " failed: " + oneLine(result.Err.Error()) + note + "\n")
		}
		switch {
		case status != http.StatusOK:
			text = lines.String() + name + " check failed\n"
		case r.URL.Query().Has("verbose"):
			text = lines.String() + name + " check passed\n"
		}
		h := w.Header()
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text)) // the only possible error is a client that has gone
	}
}

// oneLine keeps an error from looking like the lines of other checks.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

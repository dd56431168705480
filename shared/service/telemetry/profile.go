package telemetry

import (
	"context"
	"errors"
	"net/http"
	httppprof "net/http/pprof" // its routes are on http.DefaultServeMux, which no listener serves
	"net/url"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"ordertally/shared/auth"
	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

const (
	profileCPU   = "profile" // the name that `go tool pprof` asks for
	profileMutex = "mutex"
	profileBlock = "block"
)

// timedProfiles are taken over a time, momentProfiles show the present moment, or what changes over a time.
func timedProfiles() []string  { return []string{profileCPU, profileMutex, profileBlock} }
func momentProfiles() []string { return []string{"heap", "allocs", "goroutine"} }

const (
	usualProfile   = 30 * time.Second
	longestProfile = 60 * time.Second

	// Contention is watched only while somebody asks for it: one in mutexFraction of the events, and waits in the
	// proportion of their length to blockRate.
	mutexFraction = 10
	blockRate     = 10 * time.Microsecond

	profileWriteTime = 30 * time.Second // to send a profile that is ready
)

// profiling is held by the profile that is being taken. The runtime has one of each for the whole process, so two
// services in a process take turns too.
var profiling = semaphore.NewWeighted(1)

func profileRoute() web.Route {
	return web.Route{Method: http.MethodGet, Path: "/debug/pprof/{profile}", Scope: auth.OpsWrite,
		Handler: func(w http.ResponseWriter, r *http.Request) {
			if err := takeProfile(w, r); err != nil {
				problem.Write(w, r, *err)
			}
		}}
}

// takeProfile answers with one profile. Its connection's deadline gives it the time that it takes.
func takeProfile(w http.ResponseWriter, r *http.Request) *problem.Problem {
	if outsider(r) {
		return refuse(kindForbidden,
			"Without API keys a profile can be taken from the service's own machine only.")
	}
	asked, refused := readProfileRequest(r)
	if refused != nil {
		return refused
	}
	if !profiling.TryAcquire(1) {
		return profileRunning()
	}
	defer profiling.Release(1)
	// This fails without deadlines, as in some tests.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(asked.length + profileWriteTime))
	ctx, end := untilDraining(r.Context())
	defer end()
	made := &buffered{ResponseWriter: w}
	made.Header().Set("Cache-Control", "no-store")
	if refused := asked.take(ctx, made); refused != nil {
		return refused
	}
	made.send()
	return nil
}

func profileRunning() *problem.Problem {
	p := refuse(kindProfileRunning,
		"Another profile of this process is being taken. Ask again when it has ended.")
	p.RetryAfter = time.Second
	return p
}

// untilDraining returns a context that ends with ctx, or when the listener stops.
func untilDraining(ctx context.Context) (until context.Context, end func()) {
	stopping := web.Draining(ctx)
	until, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-stopping:
			cancel()
		case <-until.Done():
		}
	})
	return until, func() { cancel(); watching.Wait() }
}

// profileRequest is what a caller asks for. A length of 0 asks for the present moment.
type profileRequest struct {
	name   string
	length time.Duration
	debug  string // as text, which net/http/pprof reads again
}

func readProfileRequest(r *http.Request) (profileRequest, *problem.Problem) {
	asked := profileRequest{name: r.PathValue("profile")}
	timed := slices.Contains(timedProfiles(), asked.name)
	if !timed && !slices.Contains(momentProfiles(), asked.name) {
		return asked, refuse(problem.KindNotFound, "There is no such profile. There are "+
			strings.Join(append(timedProfiles(), momentProfiles()...), ", ")+".")
	}
	values, err := web.Parameters(r, "seconds", "debug")
	if p, ok := errors.AsType[problem.Problem](err); ok {
		return asked, &p
	}
	invalid := func(name, detail string) *problem.Problem {
		p := web.InvalidParameter(name, detail)
		return &p
	}
	switch text := values.Get("seconds"); {
	case values.Has("seconds"):
		seconds, err := strconv.Atoi(text)
		if asked.length = time.Duration(seconds) * time.Second; err != nil || seconds < 1 ||
			seconds > int(longestProfile.Seconds()) {
			return asked, invalid("seconds", "must be a whole number from 1 to "+
				strconv.Itoa(int(longestProfile.Seconds()))+".")
		}
	case timed:
		asked.length = usualProfile
	}
	switch asked.debug = values.Get("debug"); {
	case !values.Has("debug"):
	case asked.length > 0:
		return asked, invalid("debug", "gives a text, which only a profile of the present moment has: leave out "+
			"seconds, and ask for "+strings.Join(momentProfiles(), ", ")+".")
	case asked.debug != "0" && asked.debug != "1" && asked.debug != "2":
		return asked, invalid("debug", "must be 0, 1 or 2.")
	}
	return asked, nil
}

// take writes the profile to w. If ctx ends first, a profile of the processor is shorter, and there is none of the
// others.
func (asked *profileRequest) take(ctx context.Context, w *buffered) *problem.Problem {
	if asked.name == profileCPU {
		h := w.Header()
		h.Set("Content-Type", "application/octet-stream")
		h.Set("X-Content-Type-Options", "nosniff")
		if pprof.StartCPUProfile(w) != nil { // such as of a test that is profiled
			return profileRunning()
		}
		defer pprof.StopCPUProfile()
		timer := time.NewTimer(asked.length)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
		return nil
	}
	switch asked.name {
	case profileMutex:
		defer runtime.SetMutexProfileFraction(runtime.SetMutexProfileFraction(mutexFraction))
	case profileBlock:
		runtime.SetBlockProfileRate(int(blockRate.Nanoseconds()))
		defer runtime.SetBlockProfileRate(0)
	}
	query := url.Values{}
	if asked.length > 0 {
		query.Set("seconds", strconv.Itoa(int(asked.length.Seconds())))
	}
	if asked.debug != "" {
		query.Set("debug", asked.debug)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "?"+query.Encode(), nil)
	if err == nil {
		httppprof.Handler(asked.name).ServeHTTP(w, r)
	}
	if err != nil || w.status >= http.StatusBadRequest {
		return refuse(problem.KindUnavailable, "The profile was cut short.")
	}
	return nil
}

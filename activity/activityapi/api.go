package activityapi

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/rs/zerolog"

	"ordertally/activity"
	"ordertally/shared/auth"
	"ordertally/shared/auth/keyapi"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/clock"
	"ordertally/shared/parked"
	"ordertally/shared/service/fairshare"
	"ordertally/shared/web"
	"ordertally/shared/web/openapi"
	"ordertally/shared/web/webpage"
)

// Statistics are what was counted; activitystore.Store is one. Safe for concurrent use.
type Statistics interface {
	// Read calls add with the totals of each quarter hour of span that has any, and returns which messages they
	// contain. All of it is of one moment.
	Read(ctx context.Context, span activity.Span, add func(activity.Quarter, *activity.Totals)) (activity.AsOf, error)
	// Version goes up with each change that Read could show, once Read shows it.
	Version() int64
	// Trace tells what became of one message.
	Trace(ctx context.Context, m activity.MessageID) (activity.MessageTrace, error)
}

// Progress tells how far the reading of messages got; ingest.Ingest does. Safe for concurrent use.
type Progress interface {
	// Lag returns for each partition how many messages are not counted yet, and whether that is known.
	Lag() (lag map[int32]int64, known bool)
	// Through returns a moment: all that Kafka had then has been counted. It is zero when no such moment is known.
	Through() time.Time
	// Applied returns a channel that is closed after the next commit.
	Applied() <-chan struct{}
}

// Activity is one activity that the API answers for.
type Activity struct {
	activity.Definition
	Statistics Statistics
	Progress   Progress
	// Ledger returns one of its ledgers, and Ledgers how much waits in them.
	Ledger  func(activity.Ledger) *parked.Ledger[activity.Kept]
	Ledgers func(context.Context) (activity.Ledgers, error)
}

// readTimeout bounds one read: a long read transaction keeps pages from being used again.
const readTimeout = 10 * time.Second

// Config of an API.
type Config struct {
	Activities []Activity    // the page at / shows the first
	Zone       activity.Zone // of days, when a request names none
	// Listeners is how many live streams may be open at once, and a quarter of that for one caller. Default
	// DefaultListeners.
	Listeners int
	Guard     *auth.Guard // says who may do what
	Limiter   *ratelimit.Limiter
	Clock     clock.Clock
	Logger    zerolog.Logger
}

// API answers all routes.
type API struct {
	http.Handler
	activities []Activity
	zone       activity.Zone
	html       *template.Template
	pages      pages
	clock      clock.Clock
	logger     zerolog.Logger
	failures   *web.Failures
	answers    *web.Answers
	flights    *flights
	guard      *auth.Guard
	closed     bool // callers need a credential
	lives      map[string]*live
	listeners  *fairshare.Room
	done       chan struct{}  // closed by Close
	running    sync.WaitGroup // what makes events
}

// New returns the API. Close ends its live streams.
func New(c Config) *API {
	a := &API{
		activities: c.Activities,
		zone:       c.Zone,
		html:       template.Must(template.New("page").Parse(pageHTML)),
		clock:      c.Clock,
		logger:     c.Logger,
		failures:   web.NewFailures(c.Logger),
		answers:    web.NewAnswers(),
		flights:    newFlights(),
		guard:      c.Guard,
		closed:     c.Guard.Closed(),
		lives:      make(map[string]*live),
		done:       make(chan struct{}),
	}
	if c.Listeners <= 0 {
		c.Listeners = DefaultListeners
	}
	a.listeners = fairshare.New(int64(c.Listeners), int64(max(1, c.Listeners/4)))
	for i := range a.activities {
		a.lives[a.activities[i].Name] = newLive(a, &a.activities[i])
	}
	defs := make([]activity.Definition, len(c.Activities))
	for i := range c.Activities {
		defs[i] = c.Activities[i].Definition
	}
	routes := c.Guard.Protect(c.Limiter.ByCaller(append(a.routes(), openapi.Routes(Document(defs...))...)))
	a.Handler = c.Limiter.ByAddress(web.NewRouter(routes))
	return a
}

// Close ends all live streams, so that a server that waits for its requests can stop, and returns when nothing runs any
// more. It is called once.
func (a *API) Close() {
	close(a.done)
	for _, l := range a.lives {
		l.close()
	}
	a.running.Wait()
}

// Document returns the API's OpenAPI document, with the answers about days of those activities described one by one.
func Document(defs ...activity.Definition) *huma.OpenAPI { return openapi.Document(contract(defs)) }

// routes is the one table of what is served, and of the scope that each needs.
func (a *API) routes() []web.Route {
	routes := []web.Route{
		{Method: http.MethodGet, Path: "/v1/activities", Scope: auth.StatsRead, Handler: a.json(a.list)},
		{
			Method:  http.MethodGet,
			Path:    "/v1/activities/{activity}/days",
			Scope:   auth.StatsRead,
			Handler: a.shared(a.days),
		},
		{
			Method:  http.MethodGet,
			Path:    "/v1/activities/{activity}/days/{day}",
			Scope:   auth.StatsRead,
			Handler: a.shared(a.day),
		},
		{
			Method:  http.MethodGet,
			Path:    "/v1/activities/{activity}/days/{day}/minutes",
			Scope:   auth.StatsRead,
			Handler: a.shared(a.minutes),
		},
		{
			Method:  http.MethodGet,
			Path:    "/v1/activities/{activity}/messages/{message_id}",
			Scope:   auth.StatsRead,
			Handler: a.json(a.message),
		},
		{Method: http.MethodGet, Path: "/", Scope: auth.Public, Handler: a.page},
		{Method: http.MethodGet, Path: "/assets/{file}", Scope: auth.Public, Handler: webpage.Assets(assets)},
		{
			Method:  http.MethodGet,
			Path:    "/v1/activities/{activity}/digests",
			Scope:   auth.OpsRead,
			Handler: a.shared(a.digests),
		},
		{Method: http.MethodGet, Path: "/v1/activities/{activity}/live", Scope: auth.StatsRead, Handler: a.live},
	}
	keys := keyapi.API{Guard: a.guard, Program: "activity", Logger: a.logger}
	routes = append(routes, keys.Routes(a.handle)...)
	ledgers := a.ledgerAPIs()
	routes = append(routes, ledgers[0].AuditRoute(a.handle))
	for _, ledger := range ledgers {
		routes = append(routes, ledger.Routes(a.handle)...)
	}
	return routes
}

func (a *API) activity(r *http.Request) (*Activity, error) {
	name := r.PathValue("activity")
	for i := range a.activities {
		if a.activities[i].Name == name {
			return &a.activities[i], nil
		}
	}
	return nil, &activity.Error{
		Code:   activity.CodeUnknownActivity,
		Detail: fmt.Sprintf("There is no activity %.80q; GET /v1/activities lists them.", name),
	}
}

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
	"ordertally/shared/backup"
	"ordertally/shared/backup/backupapi"
	"ordertally/shared/clock"
	"ordertally/shared/parked"
	"ordertally/shared/service/fairshare"
	"ordertally/shared/service/history"
	"ordertally/shared/web"
	"ordertally/shared/web/openapi"
	"ordertally/shared/web/webpage"
)

// Statistics reads what was counted. activitystore.Store implements it. It is safe for concurrent use.
type Statistics interface {
	// Read calls add with the totals of each quarter hour of span that has any. It returns which messages they contain.
	// All of it is read at one moment.
	Read(ctx context.Context, span activity.Span, add func(activity.Quarter, *activity.Totals)) (activity.AsOf, error)
	// Merged calls see once for each group of days of a question, in order. All of it is read at one moment.
	Merged(ctx context.Context, ask activity.Ask, see activity.See) (activity.AsOf, error)
	// Version grows with each change, as soon as Read and Merged return the change.
	Version() int64
	// Trace returns what became of one message.
	Trace(ctx context.Context, m activity.MessageID) (activity.MessageTrace, error)
}

// Progress says how far a topic has been read. ingest.Ingest implements it. It is safe for concurrent use.
type Progress interface {
	// Lag returns the number of uncounted messages for each partition, and whether that number is known.
	Lag() (lag map[int32]int64, known bool)
	// Through returns a moment. Everything that Kafka had then has been counted. It is zero if no such moment is known.
	Through() time.Time
	// Link returns the state of the connection to Kafka.
	Link() activity.Link
	// Applied returns a channel that is closed after the next commit.
	Applied() <-chan struct{}
}

// Rebuilder counts an activity again from the beginning of its topic. rebuild.Rebuilder implements it. It is safe for
// concurrent use. Errors may be an *activity.Error.
type Rebuilder interface {
	// Begin begins a rebuild. It is no error if one is under way.
	Begin(ctx context.Context, d parked.Decision) error
	// Status returns how far the rebuild is. When it has caught up that has the days in a zone that differ, at most
	// limit.
	Status(ctx context.Context, zone activity.Zone, limit int) (activity.RebuildStatus, error)
	// Swap answers with what was counted again from now on. It returns since when: zero for always.
	Swap(ctx context.Context, d parked.Decision) (since time.Time, err error)
	// Discard gives up what was counted again.
	Discard(ctx context.Context, d parked.Decision) error
}

// Activity is one activity that the API serves.
type Activity struct {
	activity.Definition
	Statistics Statistics
	Progress   Progress
	// Rebuild counts the activity again.
	Rebuild Rebuilder
	// Ledger returns one of the activity's ledgers. Ledgers returns how much waits in them.
	Ledger  func(activity.Ledger) *parked.Ledger[activity.Kept]
	Ledgers func(context.Context) (activity.Ledgers, error)
	// Incidents returns the newest incidents, at most limit, the newest first.
	Incidents func(ctx context.Context, limit int) ([]activity.Incident, error)
}

// Figures are those of the service's last hour: how many messages are not counted yet, how many are counted a second,
// and how long a commit and the way from an order's commit to that of its count take.
func Figures() []history.Figure {
	const commit, counted = "activity_commit_seconds", "activity_placed_to_counted_seconds"
	return []history.Figure{
		{Name: "lag", Metric: "activity_lag_messages"},
		{Name: "counted_per_second", Metric: "activity_counted_total", As: history.Rate},
		{Name: "commit_median_seconds", Metric: commit, As: history.Median},
		{Name: "commit_slowest_seconds", Metric: commit, As: history.Slowest},
		{Name: "placed_to_counted_median_seconds", Metric: counted, As: history.Median},
		{Name: "placed_to_counted_slowest_seconds", Metric: counted, As: history.Slowest},
	}
}

// readTimeout bounds one read. A long read transaction keeps pages of the file from being reused.
const readTimeout = 10 * time.Second

// Config configures an API.
type Config struct {
	Activities []Activity    // the page at / shows the first one
	Zone       activity.Zone // used if a request names none
	// Listeners is how many live streams may be open at once. One caller may have a quarter of them. Default
	// DefaultListeners.
	Listeners int
	Guard     *auth.Guard // decides who may do what
	Limiter   *ratelimit.Limiter
	Backups   *backup.Running
	History   *history.History // of Figures
	OrderURL  webpage.Address  // of the orders console, for links
	Clock     clock.Clock
	Logger    zerolog.Logger
}

// API serves all routes.
type API struct {
	http.Handler
	activities []Activity
	zone       activity.Zone
	zones      *activity.Zones
	periods    *periodTexts
	html       *template.Template
	pages      pages
	clock      clock.Clock
	logger     zerolog.Logger
	failures   *web.Failures
	answers    *web.Answers
	flights    *flights
	guard      *auth.Guard
	backups    *backup.Running
	history    *history.History
	orderURL   webpage.Address
	closed     bool // callers need a credential
	lives      map[string]*live
	listeners  *fairshare.Room
	done       chan struct{}  // closed by Close
	running    sync.WaitGroup // the goroutines that make events
}

// New returns the API. Close ends its live streams.
func New(c Config) *API {
	a := &API{
		activities: c.Activities,
		zone:       c.Zone,
		zones:      activity.NewZones(),
		periods:    newPeriodTexts(),
		html:       template.Must(template.New("page").Parse(pageHTML)),
		clock:      c.Clock,
		logger:     c.Logger,
		failures:   web.NewFailures(c.Logger),
		answers:    web.NewAnswers(),
		flights:    newFlights(),
		guard:      c.Guard,
		backups:    c.Backups,
		history:    c.History,
		orderURL:   c.OrderURL,
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
	routes := c.Guard.Protect(c.Limiter.ByCaller(append(a.routes(), openapi.Routes(Contract(defs...))...)))
	a.Handler = c.Limiter.ByAddress(web.NewRouter(routes))
	return a
}

// Close ends all live streams and returns when none runs any more. A server that waits for its requests needs this to
// stop. Call it once.
func (a *API) Close() {
	close(a.done)
	for _, l := range a.lives {
		l.close()
	}
	a.running.Wait()
}

// Document returns the OpenAPI document of the API. It describes the answers about days of each given activity.
func Document(defs ...activity.Definition) *huma.OpenAPI { return openapi.Document(Contract(defs...)) }

// routes lists every route with the scope that it needs.
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
		{Method: http.MethodGet, Path: base + "/incidents", Scope: auth.OpsRead, Handler: a.json(a.incidents)},
		{Method: http.MethodGet, Path: "/v1/activities/{activity}/live", Scope: auth.StatsRead, Handler: a.live},
	}
	routes = append(routes, a.rebuildRoutes()...)
	keys := keyapi.API{Guard: a.guard, Program: "activity", Logger: a.logger}
	routes = append(routes, keys.Routes(a.handle)...)
	backups := backupapi.API{Running: a.backups, Logger: a.logger}
	routes = append(routes, backups.Routes(a.handle)...)
	routes = append(routes, a.history.Routes(a.handle)...)
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

package activityapi

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"ordertally/activity"
	"ordertally/shared/clock"
	"ordertally/shared/httpserver"
)

// Statistics are what was counted; activitystore.Store is one. Safe for concurrent use.
type Statistics interface {
	// Read calls add with the totals of each quarter hour of span that has any, and returns which messages they contain.
	// All of it is of one moment.
	Read(ctx context.Context, span activity.Span, add func(activity.Quarter, *activity.Totals)) (activity.AsOf, error)
	// Trace tells what became of one message.
	Trace(ctx context.Context, m activity.MessageID) (activity.MessageTrace, error)
}

// Progress tells how far the reading of messages got; ingest.Ingest does. Safe for concurrent use.
type Progress interface {
	// Lag returns for each partition how many messages are not counted yet, and whether that is known.
	Lag() (lag map[int32]int64, known bool)
	// Through returns a moment: all that Kafka had then has been counted. It is zero when no such moment is known.
	Through() time.Time
}

// Activity is one activity that the API answers for.
type Activity struct {
	activity.Definition
	Statistics Statistics
	Progress   Progress
	Ledgers    Ledgers
}

// readTimeout bounds one read: a long read transaction keeps pages from being used again.
const readTimeout = 10 * time.Second

type api struct {
	activities []Activity
	html       *template.Template
	zone       activity.Zone // when none is asked for
	clock      clock.Clock
	logger     zerolog.Logger
}

// New returns the handler of all routes. The page at / shows the first activity. Days are those of zone when a request names
// none.
func New(activities []Activity, zone activity.Zone, c clock.Clock, logger zerolog.Logger) http.Handler {
	a := &api{
		activities: activities,
		html:       template.Must(template.New("page").Parse(pageHTML)),
		zone:       zone,
		clock:      c,
		logger:     logger,
	}
	routes := []httpserver.Route{
		{Method: http.MethodGet, Path: "/v1/activities", Handler: a.json(a.list)},
		{Method: http.MethodGet, Path: "/v1/activities/{activity}/days", Handler: a.json(a.days)},
		{Method: http.MethodGet, Path: "/v1/activities/{activity}/days/{day}", Handler: a.json(a.day)},
		{Method: http.MethodGet, Path: "/v1/activities/{activity}/days/{day}/minutes", Handler: a.json(a.minutes)},
		{Method: http.MethodGet, Path: "/v1/activities/{activity}/messages/{message_id}", Handler: a.json(a.message)},
		{Method: http.MethodGet, Path: "/", Handler: a.page},
		{Method: http.MethodGet, Path: "/page.css", Handler: a.style},
		{Method: http.MethodGet, Path: "/v1/activities/{activity}/audit", Handler: a.json(a.audit)},
	}
	routes = append(routes, a.ledgerRoutes(activity.ParkedLedger)...)
	return httpserver.NewRouter(append(routes, a.ledgerRoutes(activity.LateLedger)...))
}

func (a *api) activity(r *http.Request) (*Activity, error) {
	name := r.PathValue("activity")
	for i := range a.activities {
		if a.activities[i].Name == name {
			return &a.activities[i], nil
		}
	}
	return nil, &activity.Error{
		Code: activity.CodeUnknownActivity, Detail: fmt.Sprintf("There is no activity %.80q; GET /v1/activities lists them.", name),
	}
}

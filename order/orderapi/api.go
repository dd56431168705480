// Package orderapi serves the order service's HTTP API. CONTRACT: clients rely on its routes, fields and codes.
//
// Besides the orders, it has the operators' routes for parked messages, below /v1/outbox.
//
// It does not decode orders and decides nothing about them: package order does. A stored order is answered byte for
// byte.
package orderapi

import (
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/order"
	"ordertally/order/ack"
	"ordertally/order/admission"
	"ordertally/shared/auth"
	"ordertally/shared/auth/keyapi"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/backup"
	"ordertally/shared/backup/backupapi"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/recovery"
	"ordertally/shared/service/history"
	"ordertally/shared/web"
	"ordertally/shared/web/openapi"
	"ordertally/shared/web/problem"
	"ordertally/shared/web/webpage"
)

// Config configures the API.
type Config struct {
	Orders   *order.Orders
	Store    order.Store
	Outbox   *outbox.Outbox     // its parked messages
	Recovery *recovery.Recovery // reports on the outbox
	Topic    string             // where messages are published
	Guard    *auth.Guard        // decides who may do what
	Limiter  *ratelimit.Limiter
	Gate     *admission.Gate // admits placements
	Acks     *ack.Acks       // decides when answers leave
	Backups  *backup.Running
	History  *history.History // of Figures
	Registry prometheus.Registerer
	// ActivityURL is where the activity service is, for links and to ask it when orders were counted; "" for none.
	ActivityURL webpage.Address
	Logger      zerolog.Logger
}

// Figures are those of the service's last hour: the backlog and the age of its oldest message, how many orders are
// placed and how many messages published a second, and how long a commit and the way from there to Kafka take.
func Figures() []history.Figure {
	const commit, published = "order_commit_seconds", "order_outbox_publish_delay_seconds"
	return []history.Figure{
		{Name: "backlog", Metric: "order_outbox_backlog_messages"},
		{Name: "oldest_seconds", Metric: "order_outbox_oldest_unpublished_seconds"},
		{Name: "placed_per_second", Metric: "order_placed_total", As: history.Rate},
		{Name: "published_per_second", Metric: "order_outbox_published_total", As: history.Rate},
		{Name: "commit_median_seconds", Metric: commit, As: history.Median},
		{Name: "commit_slowest_seconds", Metric: commit, As: history.Slowest},
		{Name: "publish_median_seconds", Metric: published, As: history.Median},
		{Name: "publish_slowest_seconds", Metric: published, As: history.Slowest},
	}
}

type api struct {
	Config
	answers  *web.Answers
	failures *web.Failures
	activity *activityService
	lines    lineCounters
}

// New returns the handler of the API. It registers order_batch_lines_total{status} with the registry.
func New(config Config) http.Handler {
	a := &api{config, web.NewAnswers(), web.NewFailures(config.Logger), newActivityService(config.ActivityURL),
		newLineCounters(config.Registry)}
	routes := config.Guard.Protect(config.Limiter.ByCaller(append(a.routes(), openapi.Routes(Contract())...)))
	return config.Limiter.ByAddress(web.NewRouter(routes))
}

// Document returns the API's OpenAPI document.
func Document() *huma.OpenAPI { return openapi.Document(Contract()) }

// routes is the one table of all routes and the scope that each needs.
func (a *api) routes() []web.Route {
	keys := keyapi.API{Guard: a.Guard, Program: "order", Logger: a.Logger}
	parked := a.parked()
	routes := append(keys.Routes(a.handle), parked.Routes(a.handle)...)
	backups := backupapi.API{Running: a.Backups, Logger: a.Logger}
	routes = append(routes, backups.Routes(a.handle)...)
	routes = append(routes, a.History.Routes(a.handle)...)
	return append(append(routes, parked.AuditRoute(a.handle)), []web.Route{
		{Method: http.MethodGet, Path: "/", Scope: auth.Public, Handler: a.console()},
		{Method: http.MethodGet, Path: "/outbox", Scope: auth.Public, Handler: a.console()},
		{Method: http.MethodGet, Path: "/keys", Scope: auth.Public, Handler: a.console()},
		{Method: http.MethodGet, Path: "/assets/{file}", Scope: auth.Public, Handler: webpage.Assets(assets)},
		{Method: http.MethodPost, Path: "/v1/orders", Scope: auth.OrdersWrite, Handler: a.handle(a.place)},
		{Method: http.MethodGet, Path: "/v1/orders", Scope: auth.OrdersRead, Handler: a.handle(a.list)},
		{Method: http.MethodGet, Path: "/v1/orders/digests", Scope: auth.OpsRead, Handler: a.handle(a.digests)},
		{Method: http.MethodPost, Path: "/v1/orders/republish", Scope: auth.OpsWrite, Handler: a.handle(a.republish)},
		{Method: http.MethodPost, Path: "/v1/orders:batch", Scope: auth.OrdersWrite, Handler: a.handle(a.placeBatch)},
		{Method: http.MethodPost, Path: "/v1/orders:handover", Scope: auth.OrdersHandover,
			Handler: a.handle(a.handOver)},
		{Method: http.MethodGet, Path: "/v1/orders/{id}", Scope: auth.OrdersRead, Handler: a.handle(a.get)},
		{Method: http.MethodPost, Path: "/v1/orders/{id}/cancel", Scope: auth.OrdersWrite, Handler: a.handle(a.cancel)},
		{Method: http.MethodGet, Path: "/v1/orders/{id}/delivery", Scope: auth.OrdersRead,
			Handler: a.handle(a.delivery)},
		{Method: http.MethodGet, Path: "/v1/orders/{id}/counting", Scope: auth.OrdersRead,
			Handler: a.handle(a.counting)},
		{Method: http.MethodGet, Path: "/v1/outbox", Scope: auth.OpsRead, Handler: a.handle(a.report)},
		{Method: http.MethodPost, Path: "/v1/outbox/partitions", Scope: auth.OpsWrite, Handler: a.handle(a.partitions)},
		{Method: http.MethodGet, Path: "/v1/outbox/waiting", Scope: auth.OpsRead, Handler: a.handle(a.listWaiting)},
	}...)
}

// handle renders the error of a handler. An error that no table knows is logged, because the client is not told about
// it.
func (a *api) handle(serve func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := serve(w, r)
		if err == nil {
			return
		}
		if errors.Is(err, web.ErrClientGone) || r.Context().Err() != nil {
			// cuts the connection; a client that only stopped sending would take an empty answer for a success
			panic(http.ErrAbortHandler)
		}
		if superseded, ok := errors.AsType[*order.SupersededError](err); ok {
			redirect(w, r, superseded)
			return
		}
		problem.Write(w, r, a.fail(r, err))
	}
}

// fail returns the problem for an error. It logs a failure.
func (a *api) fail(r *http.Request, err error) problem.Problem {
	p := problemOf(err)
	// An overload is not a failure, and that Kafka is away is in the log already.
	if p.Status >= http.StatusInternalServerError && p.Code != web.CodeOverloaded && p.Code != codeNotReplicated {
		a.failures.Log(r, p.Status, err)
	}
	return p
}

// Package apitest starts the order API for tests: the real handlers over a real store in a temporary file. Nothing is
// published. Each answer is checked against the API's OpenAPI document.
package apitest

import (
	"context"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"go.etcd.io/bbolt"

	"ordertally/order"
	"ordertally/order/ack"
	"ordertally/order/admission"
	"ordertally/order/orderapi"
	"ordertally/order/orderstore"
	"ordertally/shared/auth"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/backup"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/recovery"
	"ordertally/shared/service/history"
	"ordertally/shared/service/telemetry/tracing"
	"ordertally/shared/web"
	"ordertally/shared/web/openapi/openapitest"
	"ordertally/shared/web/webpage"
)

// Service is a running API.
type Service struct {
	// URL of the API, without a trailing slash. It survives Stop and Start.
	URL   string
	Store order.Store
	// Outbox of the running service, for a test that publishes.
	Outbox   *outbox.Outbox
	recovery *recovery.Recovery

	// Keys of the running service. While there are none, no request needs one. Make them before the first request.
	Keys *auth.Keys

	// Ack says when orders are answered. Set it before Start.
	Ack ack.Config

	// Retention is how long the outbox keeps published messages; 0 is for ever. Set it before Start.
	Retention time.Duration

	// Limits are the limits of requests. Set them before Start.
	Limits ratelimit.Config

	// ActivityURL is where the activity service is. Set it before Start.
	ActivityURL webpage.Address

	// Wrap wraps the API's handler. Set it before Start.
	Wrap func(http.Handler) http.Handler

	t      testing.TB
	clock  clock.Clock
	path   string
	addr   string
	db     *boltdb.DB
	server *web.Server

	stopRelay func()
}

// Start starts a service that takes the time from c. The service stops when the test ends.
func Start(t testing.TB, c clock.Clock) *Service {
	t.Helper()
	s := New(t, c)
	s.Start()
	return s
}

// New returns a service that has not started.
func New(t testing.TB, c clock.Clock) *Service {
	s := &Service{t: t, clock: c, path: filepath.Join(t.TempDir(), "order.db"), addr: "127.0.0.1:0"}
	t.Cleanup(s.Stop)
	return s
}

// Start opens the file and listens. After a Stop it listens at the same address.
func (s *Service) Start() {
	s.t.Helper()
	var err error
	if s.db, err = boltdb.Open(s.path, boltdb.Options{Format: orderstore.Format}); err != nil {
		s.t.Fatal(err)
	}
	box, err := outbox.Open(s.t.Context(), s.db, outbox.Config{Source: event.Source, Retention: s.Retention,
		Content: orderstore.Content})
	if err != nil {
		s.t.Fatal(err)
	}
	recovery, err := recovery.Open(s.t.Context(), s.db, box, recovery.Config{}, zerolog.Nop())
	if err != nil {
		s.t.Fatal(err)
	}
	store, err := orderstore.Open(s.t.Context(), s.db, box, s.clock, prometheus.NewRegistry())
	if err != nil {
		s.t.Fatal(err)
	}
	s.Store, s.Outbox, s.recovery = store, box, recovery
	if s.Keys, err = auth.OpenKeys(s.t.Context(), s.db, s.clock); err != nil {
		s.t.Fatal(err)
	}
	placement, err := order.NewOrders(store, s.clock)
	if err != nil {
		s.t.Fatal(err)
	}
	front := web.Front{Metrics: web.NewMetrics(prometheus.NewRegistry()), Tracing: &tracing.Tracing{},
		Logger: zerolog.Nop()}
	handler := front.Wrap(orderapi.New(orderapi.Config{
		Orders: placement, Store: store, Outbox: box, Recovery: recovery, Topic: event.Topic, Logger: zerolog.Nop(),
		Guard:   &auth.Guard{Keys: s.Keys},
		Limiter: ratelimit.New(s.Limits, prometheus.NewRegistry()), Gate: admission.Unlimited(),
		Acks: ack.New(s.Ack, box, prometheus.NewRegistry()), ActivityURL: s.ActivityURL,
		History: history.New(prometheus.NewRegistry(), s.clock, orderapi.Figures()...),
		Backups: backup.NewRunning(orderstore.Backup(), s.db, backup.Config{}, prometheus.NewRegistry(), zerolog.Nop()),
	}))
	handler = openapitest.Check(s.t, orderapi.Document(), handler)
	if s.Wrap != nil {
		handler = s.Wrap(handler)
	}
	s.server = web.New(web.Config{Addr: s.addr, Handler: handler}, zerolog.Nop())
	if err := s.server.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.addr = s.server.Addr()
	s.URL = "http://" + s.addr
}

// Stop drains the listener and closes the file. It does nothing if the service is stopped.
func (s *Service) Stop() {
	if s.server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.t.Context()), 10*time.Second)
	defer cancel()
	if err := s.server.Stop(ctx); err != nil {
		s.t.Error(err)
	}
	if err := s.db.Close(); err != nil {
		s.t.Error(err)
	}
	s.server = nil
}

// Transactions returns the number of transactions committed to the file since its creation. While it stays the same,
// nothing was written.
func (s *Service) Transactions() (id int) {
	s.t.Helper()
	err := s.db.View(s.t.Context(), func(tx *bbolt.Tx) error {
		id = tx.ID()
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// Path of the service's file.
func (s *Service) Path() string { return s.path }

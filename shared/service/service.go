// Package service is what every service is made of, whatever it does: its file, listeners, callers, health, metrics,
// logs and traces, the order in which they start, and the order in which they stop.
//
// A service adds its own with a function that makes its parts and returns its API; see [New].
package service

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/shared/auth"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/boltdb"
	"ordertally/shared/service/lifecycle"
	"ordertally/shared/service/telemetry"
	"ordertally/shared/service/telemetry/tracing"
	"ordertally/shared/settings"
	"ordertally/shared/web"
)

// Service is one running service. The exported fields are there when its parts are made.
type Service struct {
	DB       *boltdb.DB
	Guard    *auth.Guard
	Limiter  *ratelimit.Limiter
	Health   telemetry.Health
	Registry *prometheus.Registry
	Tracing  *tracing.Tracing
	Logger   zerolog.Logger

	name    string
	format  boltdb.Format
	config  *Config
	check   boltdb.Checker
	make    Make
	parts   []part
	endless []func()
	group   *lifecycle.Group
	steps   lifecycle.Stack
	api     *web.Server
	ops     *web.Server
	answers atomic.Bool // the API listens
}

// Make makes what is a service's own. It registers parts, checks and clean-ups with s, starts nothing, and returns the
// API.
type Make func(ctx context.Context, s *Service) (api http.Handler, err error)

// part is one that runs in the background.
type part struct {
	name  string
	run   func(context.Context) error
	check telemetry.Check
}

// New returns a service that is not started. The format of its file names it; check checks one record of that. own is
// all of its settings, of which config is a part: zero fields get their defaults, and the error lists all that is
// wrong.
func New(
	format boltdb.Format, own any, config *Config, check boltdb.Checker, logger zerolog.Logger, parts Make,
) (*Service, error) {
	if err := settings.Complete(own, ""); err != nil {
		return nil, fmt.Errorf("%s settings: %w", format.Service, err)
	}
	return &Service{
		name: format.Service, format: format, config: config, check: check, make: parts, Logger: logger,
		group: lifecycle.NewGroup(), Registry: telemetry.NewRegistry(),
	}, nil
}

// Part adds a part that runs in the background once the ops listener answers. One that panics is started again, so it
// must be able to begin anew. check, when it is not nil, says whether the part makes progress.
func (s *Service) Part(name string, run func(context.Context) error, check telemetry.Check) {
	s.parts = append(s.parts, part{name, run, check})
}

// OnStop adds a clean-up for when the background parts have stopped. The last one added comes first.
func (s *Service) OnStop(name string, stop lifecycle.StopFunc) { s.steps.Push(name, stop) }

// OnStopFirst adds what ends requests that would go on for ever, such as live streams. It is called before the API
// stops.
func (s *Service) OnStopFirst(end func()) { s.endless = append(s.endless, end) }

// Start starts the service. When it fails, what it had started is stopped again. Kafka need not be there.
func (s *Service) Start(ctx context.Context) error {
	if err := s.start(ctx); err != nil {
		_ = s.Stop(ctx) // the first error says what is wrong
		return err
	}
	s.Logger.Info().Str("api", s.Addr()).Str("ops", s.OpsAddr()).Str("data", s.config.Data).
		Msg(s.name + " has started")
	return nil
}

// start goes through what a service has from the inside out. A stop goes back the same way.
//
//	file ── traces ── callers ── own parts ── ops listener ── background ── API
func (s *Service) start(ctx context.Context) (err error) {
	s.config.Drops.Register(s.Registry, s.name)
	if s.DB, err = openDatabase(s.config.Data, s.format, s.Registry, s.Logger); err != nil {
		return err
	}
	s.OnStop("database", func(context.Context) error { return s.DB.Close() })
	s.config.warnOfExposed(s.Logger)

	if s.Tracing, err = tracing.Start(ctx, s.name, s.Logger); err != nil {
		return err
	}
	s.OnStop("traces", s.Tracing.Stop)

	s.Guard, err = s.config.Auth.Guard(ctx, s.DB, s.config.Listen, s.name, s.config.Data)
	if err != nil {
		return err
	}
	s.OnStop("issuer", func(context.Context) error { s.Guard.Close(); return nil })
	s.Limiter = ratelimit.New(s.config.Limits, s.Registry)

	handler, err := s.make(ctx, s)
	if err != nil {
		return err
	}

	s.Health.Register("background", func(context.Context) error { return s.Err() }, telemetry.Live|telemetry.Ready)
	s.Health.Register("API", s.answering, telemetry.Ready|telemetry.Started)
	metrics := web.NewMetrics(s.Registry) // of both listeners
	if err := s.listenOps(metrics); err != nil {
		return err
	}
	s.runParts()
	return s.listenAPI(handler, metrics)
}

// runParts starts the background parts: those of the file and the callers, then the service's own.
func (s *Service) runParts() {
	s.group.Go("database", s.DB.Watch)
	parts := telemetry.NewParts(s.group, &s.Health, s.Registry, s.Logger)
	watchDatabase(s.DB, s.check, s.config.ScrubInterval, &s.Health, parts, s.Logger)
	keys, issuer := s.Guard.Keys, s.Guard.Issuer
	parts.Go("API keys", func(ctx context.Context) error { return keys.Run(ctx, s.Logger) }, nil)
	if issuer != nil {
		parts.Go("issuer", func(ctx context.Context) error { return issuer.Run(ctx, s.Logger) }, nil)
	}
	for _, p := range s.parts {
		parts.Go(p.name, p.run, p.check)
	}
	s.OnStop("background", s.group.Stop)
}

func (s *Service) answering(context.Context) error {
	if s.answers.Load() {
		return nil
	}
	return errors.New("not listening yet: wait")
}

// Addr is the API's address, after Start.
func (s *Service) Addr() string { return s.api.Addr() }

// OpsAddr is the address of metrics and health, after Start.
func (s *Service) OpsAddr() string { return s.ops.Addr() }

// Failed is closed when the service cannot go on; Err says why.
func (s *Service) Failed() <-chan struct{} { return s.group.Failed() }

// Err is why the service cannot go on, or nil.
func (s *Service) Err() error { return s.group.Err() }

// Stop refuses new requests, lets those under way finish and then what is being published or counted, and closes the
// file. It returns when all has stopped or ctx ends.
func (s *Service) Stop(ctx context.Context) error {
	if err := s.steps.Stop(ctx); err != nil {
		return fmt.Errorf("stop %s: %w", s.name, err)
	}
	s.Logger.Info().Msg(s.name + " has stopped")
	return nil
}

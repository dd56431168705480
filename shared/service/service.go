// Package service is what all services have in common: the file, listeners, callers, health, metrics, logs and traces,
// and the order in which these start and stop.
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
	"ordertally/shared/backup"
	"ordertally/shared/boltdb"
	"ordertally/shared/service/lifecycle"
	"ordertally/shared/service/telemetry"
	"ordertally/shared/service/telemetry/tracing"
	"ordertally/shared/settings"
	"ordertally/shared/web"
)

// Service is one running service. The exported fields are set before its parts are made.
type Service struct {
	DB       *boltdb.DB
	Guard    *auth.Guard
	Limiter  *ratelimit.Limiter
	Health   telemetry.Health
	Registry *prometheus.Registry
	Tracing  *tracing.Tracing
	Backups  *backup.Running
	Logger   zerolog.Logger

	name    string
	file    *backup.Service
	config  *Config
	make    Make
	parts   []part
	endless []func()
	before  []func(context.Context) error
	group   *lifecycle.Group
	steps   lifecycle.Stack
	api     *web.Server
	ops     *web.Server
	answers atomic.Bool // the API listens
}

// Make makes what is specific to a service. It registers parts, checks and clean-ups with s, starts nothing, and
// returns the API.
type Make func(ctx context.Context, s *Service) (api http.Handler, err error)

// part is a background part.
type part struct {
	name  string
	run   func(context.Context) error
	check telemetry.Check
}

// New returns a service that has not started. file says what its database file is. own has all settings of the service,
// and config is a part of it. Zero fields get their defaults. The error lists everything that is wrong.
func New(
	file *backup.Service, own any, config *Config, logger zerolog.Logger, parts Make,
) (*Service, error) {
	if err := settings.Complete(own, ""); err != nil {
		return nil, fmt.Errorf("%s settings: %w", file.Format.Service, err)
	}
	return &Service{
		name: file.Format.Service, file: file, config: config, make: parts, Logger: logger,
		group: lifecycle.NewGroup(), Registry: telemetry.NewRegistry(),
	}, nil
}

// Part adds a part that runs in the background once the ops listener answers. A part that panics is restarted, so it
// must be able to start again. check, if not nil, tells whether the part makes progress.
func (s *Service) Part(name string, run func(context.Context) error, check telemetry.Check) {
	s.parts = append(s.parts, part{name, run, check})
}

// OnStop adds a clean-up that runs when the background parts have stopped. The last one added runs first.
func (s *Service) OnStop(name string, stop lifecycle.StopFunc) { s.steps.Push(name, stop) }

// BeforeAPI adds a function that the API's listener waits for. The background parts run meanwhile, and the ops listener
// answers. An error of the function prevents the start.
func (s *Service) BeforeAPI(wait func(context.Context) error) { s.before = append(s.before, wait) }

// OnStopFirst adds a function that ends endless requests, such as live streams. It runs before the API stops.
func (s *Service) OnStopFirst(end func()) { s.endless = append(s.endless, end) }

// Start starts the service. If that fails, Start stops what it had started. Kafka need not be reachable.
func (s *Service) Start(ctx context.Context) error {
	if err := s.start(ctx); err != nil {
		return lifecycle.Abandon(ctx, err, s.Stop)
	}
	s.Logger.Info().Str("api", s.Addr()).Str("ops", s.OpsAddr()).Str("data", s.config.Data).
		Msg(s.name + " has started")
	return nil
}

// start starts the layers of a service from the inside out. A stop goes the opposite way.
//
//	file ── traces ── callers ── own parts ── ops listener ── background ── API
func (s *Service) start(ctx context.Context) (err error) {
	s.config.Drops.Register(s.Registry, s.name)
	s.DB, err = openDatabase(s.config.Data, s.file.Format, s.file.Check, s.Registry, s.Logger, s.config.MayBeNew)
	if err != nil {
		return err
	}
	s.OnStop("database", func(context.Context) error { return s.DB.Close() })
	s.config.warnOfExposed(s.Logger)
	s.Backups = backup.NewRunning(s.file, s.DB, s.config.Backup, s.Registry, s.Logger)
	s.OnStopFirst(s.Backups.End)

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
	for _, wait := range s.before {
		if err := wait(ctx); err != nil {
			return err
		}
	}
	return s.listenAPI(handler, metrics)
}

// runParts starts the background parts: first those of the file and the callers, then the service's own.
func (s *Service) runParts() {
	s.group.Go("database", s.DB.Watch)
	parts := telemetry.NewParts(s.group, &s.Health, s.Registry, s.Logger)
	watchDatabase(s.DB, s.file.Check, s.config.ScrubInterval, &s.Health, parts, s.Logger)
	parts.Go("backups", s.Backups.Run, nil)
	s.Health.RegisterNote("backups", telemetry.Ready, s.Backups.Note)
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

// Addr returns the API's address. Call it after Start.
func (s *Service) Addr() string { return s.api.Addr() }

// OpsAddr returns the address of metrics and health. Call it after Start.
func (s *Service) OpsAddr() string { return s.ops.Addr() }

// Failed is closed when the service cannot go on. Err tells why.
func (s *Service) Failed() <-chan struct{} { return s.group.Failed() }

// Err tells why the service cannot go on, or is nil.
func (s *Service) Err() error { return s.group.Err() }

// Stop refuses new requests. It lets running requests finish, then the running publishing or counting, and closes the
// file. It returns when everything has stopped or ctx ends.
func (s *Service) Stop(ctx context.Context) error {
	if err := s.steps.Stop(ctx); err != nil {
		return fmt.Errorf("stop %s: %w", s.name, err)
	}
	s.Logger.Info().Msg(s.name + " has stopped")
	return nil
}

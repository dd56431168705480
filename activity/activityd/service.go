// Package activityd wires the activity service and runs it: a program, or a test on free ports.
//
//	Kafka ── kafka.Consumer ── ingest ──> activitystore ──> activityapi ── HTTP
//	                                  one bbolt file
package activityd

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/rs/zerolog"

	"ordertally/activity"
	"ordertally/activity/activityapi"
	"ordertally/activity/activitystore"
	"ordertally/activity/ingest"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/service"
	"ordertally/shared/service/lifecycle"
	"ordertally/shared/service/telemetry"
	"ordertally/shared/service/telemetry/tracing"
	"ordertally/shared/web"
)

// GCPercent is what a process of the service sets as GOGC. Reading 15,000 records ahead makes some 30 MiB of live heap
// out of much that is garbage at once: with the default of 100 counting a backlog takes a sixth longer.
const GCPercent = 400

// Service is the activity service.
type Service struct {
	config Config
	logger zerolog.Logger
	group  *lifecycle.Group
	steps  lifecycle.Stack
	api    *web.Server
	ops    *web.Server

	answers atomic.Bool // the API listens
}

// New checks the configuration. It opens and starts nothing.
func New(config Config, logger zerolog.Logger) (*Service, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("activity settings: %w", err)
	}
	return &Service{config: config, logger: logger, group: lifecycle.NewGroup()}, nil
}

// Start opens the file, listens and begins to read. When it fails, what it had started is stopped again. Kafka need not
// be there: until it is, the API answers from the file and the service is not ready.
func (s *Service) Start(ctx context.Context) error {
	if err := s.start(ctx); err != nil {
		_ = s.Stop(ctx) // the first error says what is wrong
		return err
	}
	s.logger.Info().Str("api", s.Addr()).Str("ops", s.OpsAddr()).Str("data", s.config.Data).Msg("activity has started")
	return nil
}

func (s *Service) start(ctx context.Context) error {
	registry := telemetry.NewRegistry()
	s.config.Serving.Drops.Register(registry, "activity")
	db, err := service.OpenDatabase(s.config.Data, "activity", registry, s.logger)
	if err != nil {
		return err
	}
	s.steps.Push("database", func(context.Context) error { return db.Close() })
	s.config.Serving.WarnOfExposed(
		s.logger,
		s.config.Data,
		s.config.KafkaSecurity.KeyFile,
		s.config.KafkaSecurity.PasswordFile,
	)

	tracing, err := tracing.Start(ctx, "activity", s.logger)
	if err != nil {
		return err
	}
	s.steps.Push("traces", tracing.Stop)
	guard, err := s.config.Serving.Auth.Guard(ctx, db, s.config.Listen, "activity", s.config.Data)
	if err != nil {
		return err
	}
	s.steps.Push("issuer", func(context.Context) error { guard.Close(); return nil })

	counting, err := s.activities(ctx, db, ingest.NewMetrics(registry), tracing)
	if err != nil {
		return err
	}

	health := &telemetry.Health{}
	health.Register("background", func(context.Context) error { return s.group.Err() }, telemetry.Live|telemetry.Ready)
	health.Register("API", s.listening, telemetry.Ready)
	health.RegisterNoted("kafka", counting[0].reading.Ready, telemetry.Ready, counting[0].reading.Changes)
	for _, c := range counting[1:] { // a topic that is not there yet must not take the service away from the others
		health.RegisterNoted("kafka "+c.def.Name, ok, telemetry.Ready, c.note)
	}
	health.Register("started", service.Started(s.answers.Load), telemetry.Started)
	metrics := web.NewMetrics(registry) // of both listeners
	if s.ops, err = s.config.Serving.Ops(s.config.OpsListen,
		telemetry.Ops{Registry: registry, Health: health, Guard: guard, Metrics: metrics}, s.logger); err != nil {
		return err
	}
	if err := s.ops.Start(); err != nil {
		return err
	}
	s.steps.Push("ops listener", lifecycle.Within(service.OpsStop, s.ops.Stop))
	s.group.Go("ops listener", s.ops.Wait)

	s.group.Go("database", db.Watch)
	parts := telemetry.NewParts(s.group, health, registry, s.logger)
	s.config.Serving.WatchDatabase(db, activitystore.Check, health, parts, s.logger)
	for _, c := range counting {
		parts.Go("ingest "+c.def.Name, c.reading.Run, c.reading.Check)
	}
	parts.Go("API keys", func(ctx context.Context) error { return guard.Keys.Run(ctx, s.logger) }, nil)
	if guard.Issuer != nil {
		parts.Go("issuer", func(ctx context.Context) error { return guard.Issuer.Run(ctx, s.logger) }, nil)
	}
	s.steps.Push("ingest", s.group.Stop)

	var answered []activityapi.Activity
	for _, c := range counting {
		answered = append(answered, activityapi.Activity{Definition: c.def, Statistics: c.store, Progress: c.reading,
			Ledgers: ledgers{c.store, c.def}})
	}
	zone, err := activity.LoadZone(s.config.Zone)
	if err != nil {
		return err
	}
	api := activityapi.New(activityapi.Config{
		Activities: answered, Zone: zone, Listeners: s.config.LiveListeners, Guard: guard,
		Limiter: ratelimit.New(s.config.Serving.Limits, registry), Clock: s.config.Clock, Logger: s.logger,
	})
	front := web.Front{Metrics: metrics, Tracing: tracing, Logger: s.logger}
	if s.api, err = s.config.Serving.API(s.config.Listen, guard, api, front); err != nil {
		return err
	}
	if err := s.api.Start(); err != nil {
		return err
	}
	s.steps.Push("API", lifecycle.Within(service.APIStop, s.api.Stop))
	s.steps.Push("live streams", func(context.Context) error { api.Close(); return nil })
	s.group.Go("API", s.api.Wait)
	s.answers.Store(true)
	return nil
}

func (s *Service) listening(context.Context) error {
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

// Stop refuses new requests, lets those under way and the batch that is being committed finish, and closes the file. It
// returns when all has stopped or ctx ends.
func (s *Service) Stop(ctx context.Context) error {
	if err := s.steps.Stop(ctx); err != nil {
		return fmt.Errorf("stop activity: %w", err)
	}
	s.logger.Info().Msg("activity has stopped")
	return nil
}

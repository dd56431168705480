// Package orderd wires the order service and runs it: a program, or a test on free ports.
//
//	HTTP ── orderapi ── order.Placement ── orderstore ──┐
//	                                                    ├── one bbolt file (group commit)
//	Kafka <── kafka.Publisher <── outbox.Relay ────────┘
package orderd

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/rs/zerolog"

	"ordertally/order"
	"ordertally/order/admission"
	"ordertally/order/orderapi"
	"ordertally/order/orderstore"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/kafka"
	"ordertally/shared/outbox"
	"ordertally/shared/service"
	"ordertally/shared/service/lifecycle"
	"ordertally/shared/service/telemetry"
	"ordertally/shared/service/telemetry/tracing"
	"ordertally/shared/web"
)

// Service is the order service.
type Service struct {
	config Config
	logger zerolog.Logger
	group  *lifecycle.Group
	steps  lifecycle.Stack
	api    *web.Server
	ops    *web.Server
	db     *boltdb.DB
	outbox *outbox.Outbox

	answers atomic.Bool // the API listens
}

// New checks the configuration. It opens and starts nothing.
func New(config Config, logger zerolog.Logger) (*Service, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, fmt.Errorf("order settings: %w", err)
	}
	return &Service{config: config, logger: logger, group: lifecycle.NewGroup()}, nil
}

// Start opens the file, listens and begins to publish. When it fails, what it had started is stopped again. Kafka need
// not be there.
func (s *Service) Start(ctx context.Context) error {
	if err := s.start(ctx); err != nil {
		_ = s.Stop(ctx) // the first error says what is wrong
		return err
	}
	s.logger.Info().Str("api", s.Addr()).Str("ops", s.OpsAddr()).Str("data", s.config.Data).Msg("order is ready")
	return nil
}

func (s *Service) start(ctx context.Context) error {
	registry := telemetry.NewRegistry()
	s.config.Serving.Drops.Register(registry, "order")
	db, err := service.OpenDatabase(s.config.Data, "order", registry, s.logger)
	if err != nil {
		return err
	}
	s.db = db
	s.steps.Push("database", func(context.Context) error { return db.Close() })
	s.config.Serving.WarnOfExposed(
		s.logger,
		s.config.Data,
		s.config.KafkaSecurity.KeyFile,
		s.config.KafkaSecurity.PasswordFile,
	)

	tracing, err := tracing.Start(ctx, "order", s.logger)
	if err != nil {
		return err
	}
	s.steps.Push("traces", tracing.Stop)
	guard, err := s.config.Serving.Auth.Guard(ctx, db, s.config.Listen, "order", s.config.Data)
	if err != nil {
		return err
	}
	s.steps.Push("issuer", func(context.Context) error { guard.Close(); return nil })

	box, err := outbox.Open(ctx, db, s.config.Outbox.outbox())
	if err != nil {
		return err
	}
	s.outbox = box
	store, err := orderstore.Open(ctx, db, box, clock.System{}, registry)
	if err != nil {
		return err
	}
	publisher, err := kafka.NewPublisher(kafka.PublisherConfig{
		Brokers: s.config.Kafka, Security: s.config.KafkaSecurity, Topic: s.config.Topic,
		Idempotent:         s.config.PublishMode == modeIdempotent,
		TransactionTimeout: s.config.TransactionTimeout,
	}, s.logger)
	if err != nil {
		return err
	}
	relay := outbox.NewRelay(box, publisher, s.config.Outbox.relay(), outbox.NewMetrics(registry, "order", box),
		s.logger)

	health := &telemetry.Health{}
	health.Register("API", s.listening, telemetry.Ready)
	health.RegisterNoted("kafka", noKafkaNeeded, telemetry.Ready, relay.Note)
	health.Register("background", func(context.Context) error { return s.group.Err() }, telemetry.Live)
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
	s.config.Serving.WatchDatabase(db, orderstore.Check, health, parts, s.logger)
	parts.Go("relay", relay.Run, relay.Check)
	health.Register("outbox retention", relay.CheckRetention, telemetry.Live)
	parts.Go("idempotency keys", func(ctx context.Context) error {
		return store.ForgetKeys(ctx, s.config.IdempotencyRetention, s.logger)
	},
		store.Forgetting().Check("idempotency keys", lifecycle.StallAfter))
	gate := admission.New(s.config.Admission, admission.Sources{
		Committing: db.Committing, SyncTime: db.SyncTime, DiskFree: db.DiskFree, BacklogAge: box.OldestAge,
	}, registry, s.logger)
	parts.Go("admission", gate.Run, nil)
	health.Register("free disk", gate.CheckDisk, telemetry.Ready)
	parts.Go("API keys", func(ctx context.Context) error { return guard.Keys.Run(ctx, s.logger) }, nil)
	if guard.Issuer != nil {
		parts.Go("issuer", func(ctx context.Context) error { return guard.Issuer.Run(ctx, s.logger) }, nil)
	}
	s.steps.Push("relay", s.group.Stop)

	placement, err := order.NewPlacement(store, clock.System{})
	if err != nil {
		return err
	}
	api := orderapi.New(orderapi.Config{
		Placement: placement, Store: store, Outbox: box, Topic: s.config.Topic, Guard: guard,
		Limiter: ratelimit.New(s.config.Serving.Limits, registry), Gate: gate, Logger: s.logger,
	})
	front := web.Front{Metrics: metrics, Tracing: tracing, Logger: s.logger}
	if s.api, err = s.config.Serving.API(s.config.Listen, guard, api, front); err != nil {
		return err
	}
	if err := s.api.Start(); err != nil {
		return err
	}
	s.steps.Push("API", lifecycle.Within(service.APIStop, s.api.Stop))
	s.group.Go("API", s.api.Wait)
	s.answers.Store(true)
	return nil
}

// noKafkaNeeded is the check of Kafka: while it is away, orders are accepted all the same. The note says how it stands.
func noKafkaNeeded(context.Context) error { return nil }

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

// Stop refuses new requests, lets those under way finish, then the transaction that is being published, and closes the
// file. It returns when all has stopped or ctx ends.
func (s *Service) Stop(ctx context.Context) error {
	if err := s.steps.Stop(ctx); err != nil {
		return fmt.Errorf("stop order: %w", err)
	}
	s.logger.Info().Msg("order has stopped")
	return nil
}

// Backlog is the number of messages that are neither published nor parked.
func (s *Service) Backlog() int { return s.outbox.Backlog() }

// Package orderd is the order service: its settings, and how its parts are wired together.
package orderd

import (
	"context"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"ordertally/order"
	"ordertally/order/ack"
	"ordertally/order/admission"
	"ordertally/order/orderapi"
	"ordertally/order/orderstore"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/kafka"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/recovery"
	"ordertally/shared/service"
	"ordertally/shared/service/history"
	"ordertally/shared/service/lifecycle"
	"ordertally/shared/service/telemetry"
)

// Service is the order service.
type Service struct {
	*service.Service
	config Config
	outbox *outbox.Outbox
}

// firstLook is how long the API waits for Kafka at a start. A file that another service has overtaken is known by then,
// and accepts no order. Without Kafka the API answers after it, and the file is compared later.
const firstLook = 5 * time.Second

// New checks the settings. It does not open or start anything.
func New(config Config, logger zerolog.Logger) (s *Service, err error) {
	s = &Service{config: config}
	s.Service, err = service.New(orderstore.Backup(), &s.config, &s.config.Config, logger, s.make)
	return s, err
}

// make joins the parts.
//
//	HTTP ── admission ── orderapi ── order.Orders ── orderstore ─────┐
//	                                                                 ├── the file
//	                        Kafka ── kafka.Publisher ── outbox.Relay ┘
func (s *Service) make(ctx context.Context, base *service.Service) (http.Handler, error) {
	c, registry, logger := &s.config, base.Registry, base.Logger
	c.Outbox.Source, c.Outbox.Retention, c.Outbox.Content = event.Source, c.OutboxRetention, orderstore.Content
	box, err := outbox.Open(ctx, base.DB, c.Outbox)
	if err != nil {
		return nil, err
	}
	s.outbox = box
	recovery, err := recovery.Open(ctx, base.DB, box, recovery.Config{Fork: c.Fork}, logger)
	if err != nil {
		return nil, err
	}
	store, err := orderstore.Open(ctx, base.DB, box, clock.System{}, registry)
	if err != nil {
		return nil, err
	}
	store.KeepKeys(c.IdempotencyRetention)
	base.Part("indexes", func(ctx context.Context) error { return store.Maintain(ctx, logger) },
		store.Maintaining().Check("indexes", lifecycle.StallAfter))

	c.Publisher.Brokers, c.Publisher.Security, c.Publisher.Topic = c.Kafka, c.KafkaSecurity, c.Topic
	c.Publisher.Idempotent, c.Publisher.KeyRetention = c.PublishMode == "idempotent", c.IdempotencyRetention
	publisher, err := kafka.NewPublisher(c.Publisher, logger)
	if err != nil {
		return nil, err
	}
	tuning := c.Relay
	tuning.Recovery = recovery
	relay := outbox.NewRelay(box, publisher, tuning, outbox.NewMetrics(registry, "order", box), logger)
	base.Part("relay", relay.Run, relay.Check)
	base.BeforeAPI(func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, firstLook)
		defer cancel()
		return box.Settled(ctx)
	})
	base.Health.Register("outbox retention", relay.CheckRetention, telemetry.Live)
	// Orders are accepted even while Kafka is unreachable. The note tells how things stand.
	base.Health.RegisterNote("kafka", telemetry.Ready, relay.Note)

	gate := admission.New(c.Admission, admission.Sources{
		Committing: base.DB.Committing, SyncTime: base.DB.SyncTime, DiskFree: base.DB.DiskFree,
		BacklogAge: box.OldestAge,
	}, registry, logger)
	base.Part("admission", gate.Run, nil)
	base.Health.Register("free disk", gate.CheckDisk, telemetry.Ready)

	acks := ack.New(c.Ack, box, registry)
	base.Health.RegisterNote("ack", telemetry.Ready, acks.Note)

	orders, err := order.NewOrders(store, clock.System{})
	if err != nil {
		return nil, err
	}
	past := history.New(registry, clock.System{}, orderapi.Figures()...)
	base.Part("history", past.Run, nil)
	return orderapi.New(orderapi.Config{
		Orders: orders, Store: store, Outbox: box, Recovery: recovery, Topic: c.Topic, Guard: base.Guard,
		Limiter: base.Limiter, Backups: base.Backups, Gate: gate, Acks: acks, History: past,
		ActivityURL: c.ActivityURL, Logger: logger, Registry: registry,
	}), nil
}

// Backlog returns the number of messages that are neither published nor parked.
func (s *Service) Backlog() int { return s.outbox.Backlog() }

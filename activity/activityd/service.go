// Package activityd is the activity service: its settings, and how its parts are joined.
package activityd

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/rs/zerolog"

	"ordertally/activity"
	"ordertally/activity/activityapi"
	"ordertally/activity/activitystore"
	"ordertally/activity/ingest"
	"ordertally/shared/clock"
	"ordertally/shared/kafka"
	"ordertally/shared/parked"
	"ordertally/shared/service"
	"ordertally/shared/service/telemetry"
	"ordertally/shared/settings"
)

// Service is the activity service.
type Service struct {
	*service.Service
	config Config
}

// New checks the settings. It opens and starts nothing.
func New(config Config, logger zerolog.Logger) (*Service, error) {
	if err := settings.Complete(&config, ""); err != nil {
		return nil, fmt.Errorf("activity settings: %w", err)
	}
	if config.Clock == nil {
		config.Clock = clock.System{}
	}
	s := &Service{config: config}
	s.Service = service.New(activitystore.Format, &s.config.Config, activitystore.Check, logger, s.make)
	return s, nil
}

// make joins the parts: for each activity its own consumer, ingest and share of the file.
//
//	Kafka ── kafka.Consumer ── ingest ── activitystore ── activityapi ── HTTP
//	                                        the file
func (s *Service) make(ctx context.Context, base *service.Service) (http.Handler, error) {
	definitions, err := s.config.Definitions()
	if err != nil {
		return nil, err
	}
	metrics := ingest.NewMetrics(base.Registry)
	var consumers []*kafka.Consumer
	base.OnStop("consumers", func(context.Context) error { // at once: while Kafka is away each takes a while
		var closing sync.WaitGroup
		for _, consumer := range consumers {
			closing.Go(consumer.Close)
		}
		closing.Wait()
		return nil
	})

	var counted []activityapi.Activity
	for i, def := range definitions {
		store, err := activitystore.Open(ctx, base.DB, def, activitystore.Options{
			Clock: s.config.Clock, DedupRetention: s.config.DedupRetention,
			LedgerBytes: s.config.LedgerBytes, LedgerRetention: s.config.LedgerRetention,
		})
		if err != nil {
			return nil, err
		}
		base.OnStop("note of what is read", func(ctx context.Context) error {
			if base.Err() == nil { // else it may be because of what was read that the service ends
				return store.EndReading(ctx)
			}
			return nil
		})
		careful, err := ingest.Begin(ctx, store, &def, s.config.Consumer(&def), s.config.Data, base.Logger)
		if err != nil {
			return nil, err
		}
		base.OnStop("careful reader", func(context.Context) error { careful.Close(); return nil })
		consumer, err := kafka.NewConsumer(s.config.Consumer(&def), base.Logger)
		if err != nil {
			return nil, err
		}
		consumers = append(consumers, consumer)
		reading := ingest.New(consumer, store, def, ingest.Config{
			MaxBatch: s.config.BatchMessages, Tracing: base.Tracing, Careful: careful, Well: store.ReadingWell,
			Clock: s.config.Clock,
		}, metrics, base.Logger.With().Str("activity", def.Name).Logger())
		base.Part("ingest "+def.Name, reading.Run, reading.Check)
		if i == 0 {
			base.Health.RegisterNoted("kafka", reading.Ready, telemetry.Ready, reading.Changes)
		} else { // a topic that is not there yet must not take the service away from the others
			base.Health.RegisterNoted("kafka "+def.Name, ok, telemetry.Ready, reading.Note)
		}
		counted = append(counted, activityapi.Activity{
			Definition: def, Statistics: store, Progress: reading, Ledgers: store.Ledgers,
			Ledger: func(name activity.Ledger) *parked.Ledger[activity.Kept] {
				return store.Ledger(name, func(p *activity.Parked) (activity.Message, *activity.Poison) {
					return ingest.Decode(&def, p)
				})
			},
		})
	}

	zone, err := activity.LoadZone(s.config.Zone)
	if err != nil {
		return nil, err
	}
	api := activityapi.New(activityapi.Config{
		Activities: counted, Zone: zone, Listeners: s.config.LiveListeners, Guard: base.Guard, Limiter: base.Limiter,
		Clock: s.config.Clock, Logger: base.Logger,
	})
	base.OnStopFirst(api.Close)
	return api, nil
}

func ok(context.Context) error { return nil }

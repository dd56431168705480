// Package activityd is the activity service: its settings, and how its parts are joined.
package activityd

import (
	"cmp"
	"context"
	"net/http"

	"github.com/rs/zerolog"

	"ordertally/activity"
	"ordertally/activity/activityapi"
	"ordertally/activity/activitystore"
	"ordertally/activity/ingest"
	"ordertally/activity/rebuild"
	"ordertally/shared/clock"
	"ordertally/shared/parked"
	"ordertally/shared/service"
	"ordertally/shared/service/history"
	"ordertally/shared/service/telemetry"
)

// Service is the activity service.
type Service struct {
	*service.Service
	config Config
}

// New checks the settings. It opens nothing and starts nothing.
func New(config Config, logger zerolog.Logger) (s *Service, err error) {
	config.Clock = cmp.Or[clock.Clock](config.Clock, clock.System{})
	s = &Service{config: config}
	s.Service, err = service.New(activitystore.Backup(), &s.config, &s.config.Config, logger, s.make)
	return s, err
}

// make joins the parts. Activities of one topic share a consumer and an ingest if they have read equally far. One that
// has read less has its own. Each start looks again.
//
//	Kafka ── kafka.Consumer ── ingest ──┐
//	                                    ├── activitystore, the file
//	HTTP ── activityapi ────────────────┘
func (s *Service) make(ctx context.Context, base *service.Service) (http.Handler, error) {
	c := &s.config
	c.Store.Clock, c.Ingest.Clock, c.Ingest.Tracing = c.Clock, c.Clock, base.Tracing
	zone, err := activity.LoadZone(string(c.Zone))
	if err != nil {
		return nil, err
	}
	definitions, err := c.Activities.All(c.Topic)
	if err != nil {
		return nil, err
	}
	stores := make([]*activitystore.Store, len(definitions))
	for i, def := range definitions {
		if stores[i], err = activitystore.Open(ctx, base.DB, def, c.Store); err != nil {
			return nil, err
		}
	}
	ingests, err := s.ingests(ctx, base, stores)
	if err != nil {
		return nil, err
	}
	var counted []activityapi.Activity
	for i, def := range definitions {
		store, in := stores[i], ingests[stores[i]]
		if i == 0 {
			base.Health.RegisterNoted("kafka", in.Ready, telemetry.Ready, in.Changes)
		} else { // the others must work without a topic that does not exist yet
			base.Health.RegisterNote("kafka "+def.Name, telemetry.Ready, in.Note)
		}
		decode := func(p *activity.Parked) (activity.Message, *activity.Poison) { return ingest.Decode(&def, p) }
		base.Part("merged days of "+def.Name, store.KeepMerged, nil)
		again := rebuild.New(rebuild.Config{Definition: def, Store: store, Live: in, Reading: c.Reading(def),
			Decode: decode, Logger: base.Logger})
		base.Part("rebuild "+def.Name, again.Run, nil)
		counted = append(counted, activityapi.Activity{
			Definition: def, Statistics: store, Progress: in, Rebuild: again, Ledgers: store.Ledgers,
			Incidents: store.Incidents,
			Ledger:    func(name activity.Ledger) *parked.Ledger[activity.Kept] { return store.Ledger(name, decode) },
		})
	}
	past := history.New(base.Registry, c.Clock, activityapi.Figures()...)
	base.Part("history", past.Run, nil)
	api := activityapi.New(activityapi.Config{
		Activities: counted, Zone: zone, Listeners: c.LiveListeners, Guard: base.Guard, Limiter: base.Limiter,
		Backups: base.Backups, History: past, OrderURL: c.OrderURL, Clock: c.Clock, Logger: base.Logger,
	})
	base.OnStopFirst(api.Close)
	return api, nil
}

// ingests makes what counts for each store.
func (s *Service) ingests(ctx context.Context, base *service.Service, stores []*activitystore.Store) (
	of map[*activitystore.Store]*ingest.Ingest, err error) {
	groups, err := activitystore.Together(ctx, stores...)
	if err != nil {
		return nil, err
	}
	var all []*ingest.Ingest
	base.OnStop("ingest", func(ctx context.Context) error { return ingest.Close(ctx, all, base.Err() == nil) })
	of = make(map[*activitystore.Store]*ingest.Ingest)
	metrics := ingest.NewMetrics(base.Registry)
	read := make(map[string]bool)
	for _, group := range groups {
		activities := group.Definitions()
		topic := activities[0].Topic
		if read[topic] {
			base.Logger.Info().Str("activity", ingest.Names(activities)).Str("topic", topic).
				Msg("has not read as far as others of its topic, and so reads the topic once more; a start after " +
					"all have read everything joins them")
		}
		read[topic] = true
		in, err := ingest.Open(ctx, group, activities, s.config.Reading(activities...), s.config.Ingest, s.config.Data,
			metrics, base.Logger)
		if err != nil {
			return nil, err
		}
		all = append(all, in)
		base.Part("ingest "+ingest.Names(activities), in.Run, in.Check)
		for _, store := range group {
			of[store] = in
		}
	}
	return of, nil
}

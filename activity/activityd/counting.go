package activityd

import (
	"context"
	"sync"

	"ordertally/activity"
	"ordertally/activity/activityapi"
	"ordertally/activity/activitystore"
	"ordertally/activity/declare"
	"ordertally/activity/ingest"
	"ordertally/shared/boltdb"
	"ordertally/shared/kafka"
	"ordertally/shared/service/telemetry/tracing"
)

// monitorGroup is the consumer group under which lag monitors find the service's positions. Nothing reads them back.
const monitorGroup = "ordertally-activity"

var (
	_ ingest.Source          = (*kafka.Consumer)(nil)
	_ ingest.Store           = (*activitystore.Store)(nil)
	_ activityapi.Statistics = (*activitystore.Store)(nil)
	_ activityapi.Progress   = (*ingest.Ingest)(nil)
	_ activityapi.Ledgers    = ledgers{}
)

// counting is one activity at work.
type counting struct {
	def     activity.Definition
	store   *activitystore.Store
	reading *ingest.Ingest
}

// activities prepares all that are declared, ORDER_CREATED first. Nothing reads yet.
func (s *Service) activities(ctx context.Context, db *boltdb.DB, metrics *ingest.Metrics,
	tracing *tracing.Tracing) ([]counting, error) {
	declared, err := declare.Parse(s.config.Activities)
	if err != nil {
		return nil, err
	}
	var all []counting
	var consumers []*kafka.Consumer
	s.steps.Push("consumers", func(context.Context) error { // at the same time: while Kafka is away each takes a while
		var closing sync.WaitGroup
		for _, consumer := range consumers {
			closing.Go(consumer.Close)
		}
		closing.Wait()
		return nil
	})
	for _, def := range declare.With(declare.OrderCreated(s.config.Topic), declared) {
		store, err := activitystore.Open(ctx, db, def, activitystore.Options{
			Clock:           s.config.Clock,
			DedupRetention:  s.config.DedupRetention,
			LedgerBytes:     s.config.LedgerBytes,
			LedgerRetention: s.config.LedgerRetention,
		})
		if err != nil {
			return nil, err
		}
		reading := kafka.ConsumerConfig{
			Brokers: s.config.Kafka, Security: s.config.KafkaSecurity, Topic: def.Topic, GroupID: monitorGroup,
			ReadAheadBytes: s.config.ReadAheadBytes, MaxRecordBytes: s.config.MaxRecordBytes,
			RetryFirst: s.config.RetryFirst, RetryLimit: s.config.RetryLimit, Clock: s.config.Clock,
		}
		careful, err := s.careful(ctx, store, &def, reading)
		if err != nil {
			return nil, err
		}
		consumer, err := kafka.NewConsumer(reading, s.logger)
		if err != nil {
			return nil, err
		}
		consumers = append(consumers, consumer)
		logger := s.logger.With().Str("activity", def.Name).Logger()
		all = append(all, counting{def, store, ingest.New(consumer, store, def, ingest.Config{
			MaxBatch: s.config.BatchMessages,
			Tracing:  tracing,
			Careful:  careful,
			Well:     store.ReadingWell,
			Clock:    s.config.Clock,
		}, metrics, logger)})
	}
	return all, nil
}

// ledgers decides about messages with the activity's definition.
type ledgers struct {
	*activitystore.Store
	def activity.Definition
}

func (l ledgers) decode(p *activity.Parked) (activity.Message, *activity.Poison) {
	return ingest.Decode(&l.def, p)
}

// Decide implements activityapi.Ledgers.
func (l ledgers) Decide(ctx context.Context, ledger activity.Ledger, verb activity.Verb, id string,
	why activity.Why) (activity.Decided, error) {
	return l.Store.Decide(ctx, ledger, verb, id, why, l.decode)
}

// DecideAll implements activityapi.Ledgers.
func (l ledgers) DecideAll(
	ctx context.Context,
	ledger activity.Ledger,
	verb activity.Verb,
	filter activity.KeptFilter,
	why activity.Why,
) (activity.Decided, []string, error) {
	return l.Store.DecideAll(ctx, ledger, verb, filter, why, l.decode)
}

// note says what an operator should know of an activity besides the first.
func (c *counting) note() string {
	if err := c.reading.Ready(context.Background()); err != nil {
		return err.Error()
	}
	return c.reading.Changes()
}

func ok(context.Context) error { return nil }

package rebuild

import (
	"context"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/activity"
	"ordertally/activity/activitystore"
	"ordertally/activity/ingest"
	"ordertally/shared/kafka"
)

// Counted is what Offline counted of an activity.
type Counted struct {
	Events int64
	Since  time.Time // before which figures may be incomplete; zero if the topic had its beginning
}

// Offline counts what the topic of some activities has by now into stores that no service has open. It returns when
// that is done, with what it counted of each. Stores that have positions are read on from there. The error is
// kafka.ErrNoTopic if the topic does not exist.
func Offline(ctx context.Context, stores activitystore.Stores, reading kafka.ConsumerConfig, config ingest.Config,
	logger zerolog.Logger) ([]Counted, error) {
	activities := stores.Definitions()
	if _, err := ingest.Try(ctx, activities[0], reading, 1, logger); err != nil {
		return nil, err
	}
	consumer, err := kafka.NewConsumer(reading, logger)
	if err != nil {
		return nil, err
	}
	defer consumer.Close()
	in := ingest.New(consumer, stores, activities, config, ingest.NewMetrics(prometheus.NewRegistry()), logger)
	began := time.Now()
	runs, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- in.Run(runs) }()
	for in.Through().Before(began) && err == nil {
		select {
		case err = <-ended:
			return nil, err
		case <-in.Applied():
		case <-time.After(100 * time.Millisecond): // an end that is reached without a record is no commit
		}
	}
	cancel()
	if err := <-ended; err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	all := make([]Counted, len(stores))
	for i, store := range stores {
		if all[i], err = counted(ctx, store); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func counted(ctx context.Context, store *activitystore.Store) (c Counted, err error) {
	span, err := store.Extent(ctx)
	if err != nil {
		return c, err
	}
	asOf, err := store.Read(ctx, span, func(_ activity.Quarter, t *activity.Totals) { c.Events += t.Count })
	if err != nil {
		return c, fmt.Errorf("read what was counted: %w", err)
	}
	c.Since = asOf.Since
	return c, nil
}

package rebuild

import (
	"context"
	"errors"
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
	// NoTopic says that the topic does not exist.
	NoTopic bool
}

// Offline counts what the topic of an activity has by now into a store that no service has open, and returns when that
// is done. A store that has positions is read on from there.
func Offline(ctx context.Context, store *activitystore.Store, def activity.Definition, reading kafka.ConsumerConfig,
	config ingest.Config, logger zerolog.Logger) (c Counted, err error) {
	if _, err := ingest.Try(ctx, def, reading, 1, logger); errors.Is(err, kafka.ErrNoTopic) {
		return Counted{NoTopic: true}, nil
	} else if err != nil {
		return c, err
	}
	consumer, err := kafka.NewConsumer(reading, logger)
	if err != nil {
		return c, err
	}
	defer consumer.Close()
	in := ingest.New(consumer, store, def, config, ingest.NewMetrics(prometheus.NewRegistry()), logger)
	began := time.Now()
	runs, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- in.Run(runs) }()
	for in.Through().Before(began) && err == nil {
		select {
		case err = <-ended:
			return c, err
		case <-in.Applied():
		case <-time.After(100 * time.Millisecond): // an end that is reached without a record is no commit
		}
	}
	cancel()
	if err := <-ended; err != nil {
		return c, err
	}
	if ctx.Err() != nil {
		return c, ctx.Err()
	}
	return Counted{}.of(ctx, store)
}

func (c Counted) of(ctx context.Context, store *activitystore.Store) (Counted, error) {
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

package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"ordertally/activity"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/kafka"
	"ordertally/shared/service/lifecycle"
	"ordertally/shared/service/telemetry/tracing"
	"ordertally/shared/settings"
)

// Source is the topic; kafka.Consumer is one.
type Source interface {
	// Assign starts to read all partitions. Each begins at its position in next, or at 0 if it has none. Assign waits
	// while the broker is away. Called again, it begins anew.
	Assign(ctx context.Context, next map[int32]kafka.Position) error
	// Fetch waits for a record and returns it with those that are there already, at most limit. It waits through
	// outages. Any error but that of ctx ends the ingest. If the topic is no longer what was read, Fetch goes on
	// elsewhere and says so: records then come again or are missing. The result belongs to the caller. One goroutine
	// calls it.
	Fetch(ctx context.Context, limit int) (kafka.Fetched, error)
	// Lag returns how many records of each partition are left to fetch. Those that Fetch returned last count until it
	// is called again, so that the lag is never 0 while a record is on its way. Safe for concurrent use.
	Lag() map[int32]int64
	// PartitionsAdded returns how many partitions the topic got since Assign. Safe for concurrent use.
	PartitionsAdded() int
	// Behind reports whether records are there and not read yet. It is false while the broker is away. Safe for
	// concurrent use.
	Behind() bool
	// Link returns the state of the connection. Safe for concurrent use.
	Link() kafka.Link
	// Held returns where reading waits for another program's transaction to end. Safe for concurrent use.
	Held() kafka.Held
	// Through returns a moment. All that the topic had then was returned by a Fetch before the last one. It is zero if
	// no such moment is known. Safe for concurrent use.
	Through() time.Time
	// CommitForMonitors tells the positions to tools that watch lag. It does not wait.
	CommitForMonitors(next map[int32]int64)
}

// Store keeps what was counted of one or several activities, in their order; activitystore.Stores is one.
type Store interface {
	// Next returns the positions to go on from.
	Next(ctx context.Context) (map[int32]activity.Position, error)
	// Apply applies a batch for each activity, all or nothing. Once that is on the disk it returns what was decided
	// about each message of each batch. boltdb.ErrFull means that nothing was written: try again.
	Apply(ctx context.Context, batches []*activity.Batch) ([][]activity.Verdict, error)
	// Ledgers returns how much of each activity waits for an operator.
	Ledgers(ctx context.Context) ([]activity.Ledgers, error)
}

// GCPercent is what a process that counts should set as GOGC. Reading 15,000 records ahead leaves 30 MiB of live heap
// among much garbage: with the default of 100, counting a backlog takes a sixth longer.
const GCPercent = 400

// Config of an Ingest. The zero value is ready for use.
type Config struct {
	// Most records of a topic read for one transaction.
	MaxBatch int `name:"batch-messages" default:"5000" range:"1..100000"`

	// RetryFull is how long to wait before writing again when the disk is full. Default 5 s.
	RetryFull time.Duration `kong:"-"`
	// StallAfter is how long nothing may move while there are records to count. Then Check fails. Default 1 min.
	StallAfter time.Duration `kong:"-"`
	// Tracing makes a span of each message whose order is traced. Default none.
	Tracing *tracing.Tracing `kong:"-"`
	// Well is called once, when all that stood in the topic was read and the process still runs. After a careful begin
	// it is also told whether that was all. Default nil.
	Well func(ctx context.Context, all bool) error `json:"-" kong:"-"`
	// Careful says how to begin when something in the topic seems to end the process. Default nil: by reading ahead.
	Careful *Careful `json:"-" kong:"-"`
	// Clock times how long messages took. Default clock.System.
	Clock clock.Clock `kong:"-"`
}

// Ingest counts the messages of one topic, for one or several activities. It reads each record once.
type Ingest struct {
	config   Config
	source   Source
	store    Store
	topic    string
	counters []counter // of the activities, in the store's order
	metrics  *Metrics
	pending  pending
	assigned atomic.Bool
	moves    moves
	through  through
	commits  commits
	well     bool // said so; of the goroutine that applies
	progress progress
	applying sync.Mutex // held while batches are applied
	logger   zerolog.Logger

	close func(ctx context.Context, well bool) error // of what Open opened
}

// New returns an Ingest that does nothing until Run. The activities are of one topic, in the store's order.
func New(source Source, store Store, activities []activity.Definition, config Config, metrics *Metrics,
	logger zerolog.Logger) *Ingest {
	settings.Fill(&config)
	if config.RetryFull <= 0 {
		config.RetryFull = 5 * time.Second
	}
	if config.StallAfter <= 0 {
		config.StallAfter = time.Minute
	}
	if config.Tracing == nil {
		config.Tracing = &tracing.Tracing{}
	}
	if config.Clock == nil {
		config.Clock = clock.System{}
	}
	in := &Ingest{config: config, source: source, store: store, topic: activities[0].Topic, metrics: metrics,
		logger: named(logger, activities)}
	for i := range activities {
		in.counters = append(in.counters, newCounter(&activities[i], logger))
	}
	metrics.watch(in)
	return in
}

// Run reads and counts until ctx ends, which is no error, or until the source or the store fails. A panic is returned
// as a *lifecycle.PanicError. After that Run may be called again and goes on where the store says.
func (in *Ingest) Run(ctx context.Context) error {
	err := in.run(ctx)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

func (in *Ingest) run(ctx context.Context) error {
	next, err := in.store.Next(ctx)
	if err != nil {
		return err
	}
	if careful := in.config.Careful; careful != nil {
		if err := in.readCarefully(ctx, careful, next); err != nil {
			return err
		}
		in.config.Careful = nil
		if next, err = in.store.Next(ctx); err != nil {
			return err
		}
	}
	if err := in.source.Assign(ctx, toRead(next)); err != nil {
		return err
	}
	in.pending.forget()
	in.assigned.Store(true)
	in.progress.made()
	in.logger.Info().Int("partitions", len(in.source.Lag())).Msg("reading the topic")
	fetched := make(chan fetch, 1)
	decoded := make(chan []*activity.Batch, 1)
	group, ctx := errgroup.WithContext(ctx)
	stage := func(run func(context.Context) error) {
		group.Go(func() error { return lifecycle.Guard(ctx, run) })
	}
	stage(func(ctx context.Context) error {
		defer close(fetched)
		return in.fetch(ctx, fetched)
	})
	stage(func(ctx context.Context) error {
		defer close(decoded)
		for f := range fetched {
			batches := in.decode(f)
			in.progress.made()
			if err := hand(ctx, decoded, batches); err != nil {
				return err
			}
		}
		return nil
	})
	stage(func(ctx context.Context) error {
		for batches := range decoded {
			if err := in.apply(ctx, batches); err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}

// fetch is what was fetched.
type fetch struct {
	kafka.Fetched
	through time.Time
	read    time.Time // when
}

func (in *Ingest) fetch(ctx context.Context, fetched chan<- fetch) error {
	for {
		f, err := in.source.Fetch(ctx, in.config.MaxBatch)
		if err != nil {
			return err
		}
		in.progress.made()
		for _, moved := range f.Repositions {
			in.reposition(moved)
		}
		through := in.source.Through() // all of that is in the batches before this one
		in.pending.add(f.Records)
		if err := hand(ctx, fetched, fetch{f, through, in.config.Clock.Now()}); err != nil {
			return err
		}
	}
}

// decode returns a batch for each activity.
func (in *Ingest) decode(f fetch) []*activity.Batch {
	batches := make([]*activity.Batch, len(in.counters))
	for i := range in.counters {
		batches[i] = in.counters[i].decoder.batch(f.Fetched)
		batches[i].Through, batches[i].Read = f.through, f.read
	}
	return batches
}

// hand gives a value to the next stage, unless ctx ends first.
func hand[T any](ctx context.Context, next chan<- T, value T) error {
	select {
	case next <- value:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// apply applies the batches of one fetch. What is of the records themselves, the first batch has as well as any other.
func (in *Ingest) apply(ctx context.Context, batches []*activity.Batch) error {
	verdicts, err := in.write(ctx, batches)
	for said := false; errors.Is(err, boltdb.ErrFull) || errors.Is(err, boltdb.ErrReadOnly); verdicts,
		err = in.write(ctx, batches) {
		in.progress.made() // it will go on by itself
		if !said {
			said = true
			in.logger.Error().Err(err).Msg("nothing can be counted until there is space; trying again and again")
		}
		select {
		case <-time.After(in.config.RetryFull):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err != nil {
		return err
	}
	read := batches[0]
	in.pending.done(read)
	in.through.reach(read.Through)
	if !in.well && in.config.Well != nil && !read.Through.IsZero() {
		in.well = true
		if err := in.config.Well(ctx, true); err != nil {
			return err
		}
	}
	in.commits.happened()
	in.progress.made()
	now := in.config.Clock.Now()
	in.metrics.applied(batches)
	for i := range in.counters {
		c := &in.counters[i]
		in.metrics.counts(c.def.Name, batches[i], verdicts[i], now)
		c.trace(in.config.Tracing, batches[i], verdicts[i], now)
		c.report(batches[i], verdicts[i])
	}
	in.source.CommitForMonitors(offsets(read.Next))
	return nil
}

// write applies batches when nobody holds them back.
func (in *Ingest) write(ctx context.Context, batches []*activity.Batch) ([][]activity.Verdict, error) {
	in.applying.Lock()
	defer in.applying.Unlock()
	return in.store.Apply(ctx, batches)
}

// Hold returns when no batch is being applied, and holds further ones back until release is called. Call it for
// seconds at most.
func (in *Ingest) Hold() (release func()) {
	in.applying.Lock()
	return in.applying.Unlock
}

func offsets(next map[int32]activity.Position) map[int32]int64 {
	offsets := make(map[int32]int64, len(next))
	for partition, position := range next {
		offsets[partition] = position.Offset
	}
	return offsets
}

// Lag returns how many offsets of each partition are not counted yet, up to its end. It is not known before the
// partitions were found for the first time.
func (in *Ingest) Lag() (lag map[int32]int64, known bool) {
	if !in.assigned.Load() {
		return nil, false
	}
	lag = in.source.Lag()
	in.pending.addTo(lag)
	return lag, true
}

// Link returns the state of the connection to Kafka.
func (in *Ingest) Link() activity.Link {
	link := in.source.Link()
	return activity.Link{State: activity.LinkState(link.State), Since: link.Since, Error: link.Error}
}

// Through returns a moment. All that the topic had then has been counted, refused or parked. It never goes back. It is
// zero until the ends of all partitions were known and reached.
func (in *Ingest) Through() time.Time {
	fetched := in.source.Through()
	if in.pending.none() { // of what had been fetched by then
		in.through.reach(fetched)
	}
	return in.through.moment()
}

// Check is a liveness check. It fails if there are records to count and nothing has moved for StallAfter. It does not
// fail if the broker is away, the disk is full or the topic has nothing new: another start would not help.
func (in *Ingest) Check(context.Context) error {
	still := in.progress.still()
	if still < in.config.StallAfter || in.pending.none() && !in.source.Behind() {
		return nil
	}
	return fmt.Errorf("there are records of topic %s to count, and nothing has moved for %s: restart the service, "+
		"and keep its log",
		in.topic, still.Round(time.Second))
}

// Applied returns a channel that is closed after the next commit.
func (in *Ingest) Applied() <-chan struct{} { return in.commits.next() }

// Ready is a readiness check: it fails until the partitions were found. A later outage of Kafka does not make it fail.
func (in *Ingest) Ready(context.Context) error {
	if !in.assigned.Load() {
		return fmt.Errorf("the broker has not said yet which partitions topic %s has", in.topic)
	}
	return nil
}

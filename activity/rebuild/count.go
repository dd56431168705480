package rebuild

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"ordertally/activity"
	"ordertally/activity/activitystore"
	"ordertally/activity/ingest"
	"ordertally/shared/boltdb"
	"ordertally/shared/kafka"
	"ordertally/shared/parked"
	"ordertally/shared/service/lifecycle"
)

const (
	// batchRecords is how many records share a transaction: few, because the live counting waits for it.
	batchRecords = 1000
	// nearly is how many offsets a rebuild may be behind when it is swapped. The live counting waits while they are
	// read.
	nearly = 20_000
	// levelFor is how long that may take.
	levelFor = 20 * time.Second
	// maxPause is how long a rebuild waits at most after a transaction, so that it gets on under any load.
	maxPause = time.Second
	// retryAfter is how long it waits after an error that may pass.
	retryAfter = 5 * time.Second
)

// count is the counting of a rebuild. Its methods belong to one goroutine.
type count struct {
	*Rebuilder
	rebuilt *activitystore.Rebuild
	decode  func(kafka.Fetched) *activity.Batch
	reader  *kafka.Consumer
	fetched chan kafka.Fetched
	failed  chan error // of the reader, once
	cancel  context.CancelFunc
	reading sync.WaitGroup
	next    map[int32]activity.Position // where the rebuild stands
	later   kafka.Fetched               // read, and beyond what the activity has counted
	well    bool                        // it has counted something
	ended   bool                        // it was swapped or discarded
	again   bool                        // it must read again from where it stands
}

func newCount(ctx context.Context, r *Rebuilder, rebuilt *activitystore.Rebuild) (*count, error) {
	asOf, err := rebuilt.AsOf(ctx)
	if err != nil {
		return nil, err
	}
	reader, err := kafka.NewConsumer(r.config.Reading, r.config.Logger)
	if err != nil {
		return nil, err
	}
	c := &count{Rebuilder: r, rebuilt: rebuilt, decode: ingest.Decoding(r.config.Definition), reader: reader,
		fetched: make(chan kafka.Fetched), failed: make(chan error, 1), next: asOf.Next}
	reads, cancel := context.WithCancel(ctx)
	c.cancel = cancel
	c.reading.Go(func() {
		c.failed <- lifecycle.Guard(reads, func(ctx context.Context) error { return c.fetch(ctx, asOf.Next) })
	})
	return c, nil
}

func (c *count) close() {
	c.cancel()
	c.reading.Wait()
	c.reader.Close()
}

// fetch hands on what is read.
func (c *count) fetch(ctx context.Context, from map[int32]activity.Position) error {
	if err := c.reader.Assign(ctx, ingest.Positions(from)); err != nil {
		return err
	}
	for {
		f, err := c.reader.Fetch(ctx, batchRecords)
		if err != nil {
			return err
		}
		select {
		case c.fetched <- f:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// run counts until the rebuild is swapped or discarded, which is errEnded.
func (c *count) run(ctx context.Context) error {
	for {
		applied := c.config.Live.Applied()
		var more <-chan kafka.Fetched
		if !c.stopped.Load() {
			if err := c.advance(ctx, c.pace); err != nil {
				return err
			}
			if len(c.later.Next) == 0 {
				more = c.fetched
			}
		}
		select {
		case c.later = <-more:
		case <-applied:
		case err := <-c.failed:
			if ctx.Err() != nil {
				return ctx.Err()
			}
			c.config.Logger.Error().Err(err).Msg("cannot read the topic again; trying again soon")
			return pause(ctx, retryAfter)
		case o := <-c.orders:
			o.done <- o.do(o.ctx, c)
			if c.ended {
				return errEnded
			}
			if c.again {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// advance counts of what was read as much as the activity has counted.
func (c *count) advance(ctx context.Context, rest func(context.Context, time.Duration) error) error {
	for len(c.later.Next) > 0 {
		live, err := c.config.Store.AsOf(ctx)
		if err != nil {
			return err
		}
		now, at, later := cut(c.later, live.Next)
		if len(now.Next)+len(at) == 0 {
			return nil
		}
		batch := c.decode(now)
		maps.Copy(batch.Next, at)
		began := time.Now()
		if err := c.apply(ctx, batch); err != nil {
			return err
		}
		c.later = later
		if err := rest(ctx, time.Since(began)); err != nil {
			return err
		}
	}
	return nil
}

func (c *count) apply(ctx context.Context, batch *activity.Batch) error {
	_, err := c.rebuilt.Apply(ctx, batch)
	for errors.Is(err, boltdb.ErrFull) || errors.Is(err, boltdb.ErrReadOnly) {
		if err := pause(ctx, retryAfter); err != nil {
			return err
		}
		_, err = c.rebuilt.Apply(ctx, batch)
	}
	if err != nil {
		return err
	}
	maps.Copy(c.next, batch.Next)
	if !c.well { // what is read does not end the process
		c.well = true
		return activitystore.Stores{c.rebuilt.Store}.ReadingWell(ctx, true)
	}
	return nil
}

// cut divides what was read at the positions of the activity: what the activity has counted, and the rest. Where a
// partition is cut, the activity's own position is the one after what it has counted.
func cut(f kafka.Fetched, live map[int32]activity.Position) (
	now kafka.Fetched, at map[int32]activity.Position, later kafka.Fetched,
) {
	at = make(map[int32]activity.Position)
	now.Next, later.Next = make(map[int32]kafka.Position), make(map[int32]kafka.Position)
	passed := func(partition int32, next int64) bool {
		stands, found := live[partition]
		return found && sameTopic(stands.TopicID, f.Next[partition].TopicID) && next <= stands.Offset
	}
	for partition, position := range f.Next {
		if passed(partition, position.Offset) {
			now.Next[partition] = position
		} else {
			later.Next[partition] = position
		}
	}
	for i := range f.Records {
		record := &f.Records[i]
		if !passed(record.Partition, record.Offset+1) {
			later.Records = append(later.Records, *record)
			continue
		}
		now.Records = append(now.Records, *record)
		if _, whole := now.Next[record.Partition]; !whole {
			at[record.Partition] = live[record.Partition]
		}
	}
	for _, moved := range f.Repositions {
		_, whole := now.Next[moved.Partition]
		_, parts := at[moved.Partition]
		if whole || parts {
			now.Repositions = append(now.Repositions, moved)
		} else {
			later.Repositions = append(later.Repositions, moved)
		}
	}
	return now, at, later
}

// sameTopic reports whether two ids may be of one topic. Some brokers have none.
func sameTopic(a, b string) bool { return a == "" || b == "" || a == b }

// pace rests after a transaction for as long as it took, and longer while the live counting is behind.
func (c *count) pace(ctx context.Context, took time.Duration) error {
	rest := min(took, maxPause)
	for until := time.Now().Add(maxPause); ; {
		if err := pause(ctx, rest); err != nil {
			return err
		}
		waiting := int64(0)
		lag, _ := c.config.Live.Lag()
		for _, n := range lag {
			waiting += n
		}
		if waiting <= 2*batchRecords || time.Now().After(until) {
			return nil
		}
		rest = 20 * time.Millisecond
	}
}

// swap brings the rebuild to where the activity stands, and swaps.
func (c *count) swap(ctx context.Context, d parked.Decision) (since time.Time, err error) {
	for range 3 {
		left, err := c.left(ctx)
		if err != nil {
			return since, err
		}
		if left > nearly {
			return since, behind(left)
		}
		plan, err := c.rebuilt.PlanSwap(ctx, c.config.Decode)
		if err != nil {
			return since, err
		}
		since, err = c.swapHeld(ctx, plan, d)
		if !activitystore.Decided(err) {
			return since, err
		}
	}
	return since, err
}

func (c *count) swapHeld(ctx context.Context, plan activitystore.SwapPlan, d parked.Decision) (time.Time, error) {
	release := c.config.Live.Hold()
	defer release()
	if err := c.level(ctx); err != nil {
		return time.Time{}, err
	}
	return c.rebuilt.Swap(ctx, plan, d)
}

// left returns how many offsets the activity is ahead.
func (c *count) left(ctx context.Context) (left int64, err error) {
	live, err := c.config.Store.AsOf(ctx)
	for partition, position := range live.Next {
		left += max(position.Offset-c.next[partition].Offset, 0)
	}
	return left, err
}

// level reads up to where the activity stands. That does not move meanwhile.
func (c *count) level(ctx context.Context) error {
	noRest := func(context.Context, time.Duration) error { return nil }
	live, err := c.config.Store.AsOf(ctx)
	if err != nil {
		return err
	}
	for until := time.Now().Add(levelFor); ; {
		if err := c.advance(ctx, noRest); err != nil {
			return err
		}
		left := int64(0)
		read := c.reader.Positions()
		for partition, position := range live.Next {
			// What Kafka hands to nobody, such as the end of a transaction, may lie between.
			if c.next[partition].Offset < position.Offset && read[partition] < position.Offset {
				left += position.Offset - c.next[partition].Offset
			}
		}
		if left == 0 {
			return c.apply(ctx, &activity.Batch{Next: live.Next})
		}
		if time.Now().After(until) {
			return behind(left)
		}
		select {
		case f := <-c.fetched: // also when a partition waits: others may have to be read
			if err := c.put(f); err != nil {
				return err
			}
		case <-time.After(10 * time.Millisecond):
		case err := <-c.failed:
			c.again = true
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// put adds to what was read before. The activity does not move meanwhile.
func (c *count) put(f kafka.Fetched) error {
	if len(c.later.Next) == 0 {
		c.later = f
		return nil
	}
	if len(f.Repositions) > 0 {
		c.again = true
		return activitystore.ErrNotLevel // the topic has changed, and the activity must see that first
	}
	c.later.Records = append(c.later.Records, f.Records...)
	maps.Copy(c.later.Next, f.Next)
	return nil
}

// Package rebuild counts an activity again from the beginning of its topic, beside the count that goes on. When it has
// caught up it shows which days differ. An operator then swaps the two, or discards what was counted again.
//
// Both counts are in one file, and each has its own positions, bins, inbox and ledgers. The rebuild never reads past
// the activity's positions. So at the swap, which holds the counting back for a moment, both stand at the same offsets:
// the positions stay, and nothing is missed or counted twice.
//
// A rebuild survives a restart: it goes on where it was. If the activity is declared otherwise by then, it begins anew.
package rebuild

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"ordertally/activity"
	"ordertally/activity/activitystore"
	"ordertally/shared/kafka"
	"ordertally/shared/parked"
)

// Live is the counting that goes on; ingest.Ingest is one.
type Live interface {
	// Applied returns a channel that is closed after the next commit.
	Applied() <-chan struct{}
	// Lag returns how many records of each partition are not counted yet, if that is known.
	Lag() (lag map[int32]int64, known bool)
	// Hold holds the counting back until release is called.
	Hold() (release func())
}

// Config of a Rebuilder.
type Config struct {
	Definition activity.Definition
	Store      *activitystore.Store
	Live       Live
	Reading    kafka.ConsumerConfig // of the activity; the rebuild reads less ahead
	Decode     activitystore.Decoder
	Logger     zerolog.Logger
}

// Rebuilder counts an activity again when it is told to.
type Rebuilder struct {
	config  Config
	orders  chan *order
	stopped atomic.Bool
}

// order is what an operator wants. Run carries it out, so that nothing else writes to the rebuild meanwhile.
type order struct {
	ctx  context.Context //nolint:containedctx // it travels with the order
	do   func(ctx context.Context, c *count) error
	done chan error
}

// readAhead is how many bytes a rebuild reads ahead, and group the group that lag monitors find its positions under.
const (
	readAhead = 8 << 20
	group     = "ordertally-activity-rebuild"
)

// New returns a Rebuilder that does nothing until Run.
func New(config Config) *Rebuilder {
	config.Logger = config.Logger.With().Str("activity", config.Definition.Name).Bool("rebuild", true).Logger()
	config.Reading.ReadAheadBytes, config.Reading.GroupID = min(config.Reading.ReadAheadBytes, readAhead), group
	return &Rebuilder{config: config, orders: make(chan *order)}
}

// Run counts again while there is a rebuild, and drops what swaps have left. It returns when ctx ends, which is no
// error, or when the file fails.
func (r *Rebuilder) Run(ctx context.Context) error {
	for {
		err := r.drop(ctx)
		if err == nil {
			err = r.run(ctx)
		}
		if err != nil {
			return unlessOver(ctx, err)
		}
	}
}

// unlessOver drops the error that ctx has ended.
func unlessOver(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// dropPause is how long others have the file to themselves between two steps of dropping.
const dropPause = 20 * time.Millisecond

func (r *Rebuilder) drop(ctx context.Context) error {
	for {
		more, err := r.config.Store.DropReplaced(ctx)
		if err != nil || !more {
			return err
		}
		if err := pause(ctx, dropPause); err != nil {
			return err
		}
	}
}

// run carries out orders, and counts while there is a rebuild. It returns when one has ended.
func (r *Rebuilder) run(ctx context.Context) error {
	rebuilt, err := r.config.Store.Rebuild(ctx)
	if errors.Is(err, activitystore.ErrNoRebuild) {
		select {
		case o := <-r.orders:
			o.done <- o.do(o.ctx, nil)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if err != nil {
		return err
	}
	reading := activitystore.Stores{rebuilt.Store}
	found, err := reading.BeginReading(ctx)
	if err != nil {
		return err
	}
	r.stopped.Store(found.Deaths >= maxDeaths)
	defer r.stopped.Store(false)
	c, err := newCount(ctx, r, rebuilt)
	if err != nil {
		return err
	}
	defer c.close()
	err = c.run(ctx)
	if errors.Is(err, errEnded) {
		return nil
	}
	if err == nil || ctx.Err() != nil { // in order: what was read did not end the process
		err = errors.Join(err, reading.EndReading(context.WithoutCancel(ctx)))
	}
	return err
}

// maxDeaths is after how many runs in a row that counted nothing and did not end in order a rebuild stops.
const maxDeaths = 3

// errEnded ends the counting of a rebuild that was swapped or discarded.
var errEnded = errors.New("the rebuild has ended")

// ask has Run carry out an order.
func (r *Rebuilder) ask(ctx context.Context, do func(ctx context.Context, c *count) error) error {
	o := &order{ctx: ctx, do: do, done: make(chan error, 1)}
	select {
	case r.orders <- o:
	case <-ctx.Done():
		return ctx.Err()
	}
	return <-o.done
}

// Begin begins a rebuild, or lets one that stopped go on. It is no error if one is under way.
func (r *Rebuilder) Begin(ctx context.Context, d parked.Decision) error {
	return r.ask(ctx, func(ctx context.Context, c *count) error {
		if c != nil {
			r.stopped.Store(false)
			return nil
		}
		_, err := r.config.Store.BeginRebuild(ctx, d)
		if err == nil {
			r.config.Logger.Info().Str("by", d.By).Msg("counting the activity again from the beginning of its topic")
		}
		return err
	})
}

// Discard gives the rebuild up.
func (r *Rebuilder) Discard(ctx context.Context, d parked.Decision) error {
	return r.ask(ctx, func(ctx context.Context, c *count) error {
		if c == nil {
			return activitystore.ErrNoRebuild
		}
		err := r.config.Store.DiscardRebuild(ctx, d)
		if err == nil {
			c.ended = true
			r.config.Logger.Info().Str("by", d.By).Msg("discarded what was counted again")
		}
		return err
	})
}

// Swap makes what was counted again the figures of the activity. It returns since when these are the rebuild's: zero
// for always. The error may be an *activity.Error.
func (r *Rebuilder) Swap(ctx context.Context, d parked.Decision) (since time.Time, err error) {
	err = r.ask(ctx, func(ctx context.Context, c *count) error {
		if c == nil {
			return activitystore.ErrNoRebuild
		}
		if since, err = c.swap(ctx, d); err != nil {
			return err
		}
		c.ended = true
		r.config.Logger.Warn().Str("by", d.By).Time("since", since).
			Msg("what was counted again is what the activity answers with from now on")
		return nil
	})
	return since, err
}

// behind says how far a rebuild is from being level.
func behind(left int64) error {
	return &activity.Error{Code: activity.CodeRebuildBehind, Detail: fmt.Sprintf(
		"The rebuild has not caught up. Offsets that it has still to read: %d. Wait, and try again.", left)}
}

// Status returns how far the rebuild is, and the days in a zone that differ, at most limit. The error may be
// activitystore.ErrNoRebuild.
func (r *Rebuilder) Status(ctx context.Context, zone activity.Zone, limit int) (s activity.RebuildStatus, err error) {
	rebuilt, err := r.config.Store.LookAtRebuild(ctx)
	if err != nil {
		return s, err
	}
	live, err := r.config.Store.AsOf(ctx)
	if err != nil {
		return s, err
	}
	asOf, err := rebuilt.AsOf(ctx)
	if err != nil {
		return s, err
	}
	s = activity.RebuildStatus{Rebuilding: rebuilt.Begun, State: activity.RebuildCounting, Since: asOf.Since}
	for partition, position := range live.Next {
		read := min(asOf.Next[partition].Offset, position.Offset)
		s.Done, s.Left = s.Done+read, s.Left+position.Offset-read
	}
	switch {
	case r.stopped.Load():
		s.State = activity.RebuildStopped
	case s.Left <= nearly:
		s.State = activity.RebuildReady
		s.Differences, s.More, err = Compare(ctx, &r.config.Definition, r.config.Store, rebuilt, zone, limit)
	}
	return s, err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

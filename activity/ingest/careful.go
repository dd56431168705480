package ingest

import (
	"context"
	"errors"
	"time"

	"ordertally/activity"
	"ordertally/shared/kafka"
)

// Careful is how an Ingest starts when something in the topic seems to have killed the process. It reads the suspected
// partitions batch by batch, and counts each batch before it asks for the next. So if the process dies again, it dies
// at the offset that Note got last, and everything before that is counted.
type Careful struct {
	// Reader reads; kafka.Careful is one.
	Reader Reader
	// Moved are the partitions that are not suspected.
	Moved map[int32]bool
	// Note records the offset that is read next, durably, before it is read.
	Note func(ctx context.Context, partition int32, offset int64) error
	// Patience is how long is read that way: the service is not ready meanwhile. Default 10 s. A run that dies later
	// goes on from there.
	Patience time.Duration
}

// Reader reads batches when they are asked for, and not before.
type Reader interface {
	// Partitions waits for the topic and returns its partitions.
	Partitions(ctx context.Context) ([]int32, error)
	// Stands reports whether a position can be read on from.
	Stands(ctx context.Context, partition int32, at kafka.Position) (bool, error)
	// Next returns a batch and the position after it, no record at the end of the partition. The error may be
	// kafka.ErrNotThere.
	Next(ctx context.Context, partition int32, at kafka.Position) (kafka.Fetched, error)
}

// readCarefully reads as Careful describes.
func (in *Ingest) readCarefully(ctx context.Context, c *Careful, stored map[int32]activity.Position) error {
	partitions, err := c.Reader.Partitions(ctx)
	if err != nil {
		return err
	}
	in.logger.Warn().Int("partitions", len(partitions)-len(c.Moved)).
		Msg("earlier runs died before they had read everything; reading the partitions where they counted nothing " +
			"batch by batch, to find the cause")
	patience := c.Patience
	if patience == 0 {
		patience = 10 * time.Second
	}
	until := time.Now().Add(patience)
	all := true
	positions := toRead(stored)
	for _, partition := range partitions {
		if c.Moved[partition] {
			continue
		}
		read, err := in.readPartition(ctx, c, partition, positions[partition], until)
		if err != nil {
			return err
		}
		all = all && read
	}
	in.logger.Info().Bool("all", all).Msg("reading batch by batch has ended, and the service survived it")
	return in.config.Well(ctx, all)
}

// readPartition reads one partition to its end, or until that time. It reports whether it got to the end.
func (in *Ingest) readPartition(
	ctx context.Context,
	c *Careful,
	partition int32,
	at kafka.Position,
	until time.Time,
) (all bool, err error) {
	stands, err := c.Reader.Stands(ctx, partition, at)
	if err != nil || !stands { // the source finds out where to go on
		return true, err
	}
	for time.Now().Before(until) {
		if err := c.Note(ctx, partition, at.Offset); err != nil {
			return false, err
		}
		f, err := c.Reader.Next(ctx, partition, at)
		if errors.Is(err, kafka.ErrNotThere) || err == nil && len(f.Records) == 0 {
			return true, nil
		}
		if err != nil {
			return false, err
		}
		in.pending.add(f.Records)
		if err := in.apply(ctx, in.decode(fetch{Fetched: f, read: in.config.Clock.Now()})); err != nil {
			return false, err
		}
		at = f.Next[partition]
	}
	return false, nil
}

package kafka

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"ordertally/shared/outbox"
)

// holdEvery is how often a scan that waits for open transactions checks that the topic has not changed.
const holdEvery = time.Second

// scan reads the committed records of the session's topic once, up to the high watermarks at its start. The last stable
// offset is not the end (rule P8a): while it is lower, an open transaction of another program may hide records.
type scan struct {
	session *session
	reader  *reader // of committed records
	probe   *reader // of everything
	visit   func(outbox.Sight) error

	left   map[int32]int64 // partitions being read, up to before this offset
	ends   map[int32]int64 // of all partitions when the scan began
	hidden map[int32]outbox.Hidden
	chunk  []outbox.StoredRecord
}

// Scan implements outbox.Log.
func (s *session) Scan(
	ctx context.Context,
	from map[int32]int64,
	visit func(outbox.Sight) error,
) (map[int32]int64, error) {
	probe, err := s.newReader(everything)
	if err != nil {
		return nil, outage(err)
	}
	defer probe.close()
	spans, err := probe.spans()
	if err != nil {
		return nil, outage(err)
	}
	c := scan{
		session: s,
		probe:   probe,
		visit:   visit,
		left:    map[int32]int64{},
		ends:    map[int32]int64{},
		hidden:  map[int32]outbox.Hidden{},
	}
	starts, next := make(map[int32]int64, len(spans)), map[int32]int64{}
	for partition, span := range spans {
		starts[partition], c.ends[partition] = span.start, span.end
		first := max(from[partition], span.start)
		if first > span.end { // the log was truncated, and may have grown since
			first = span.start
		}
		if first < span.end {
			next[partition], c.left[partition] = first, span.end
		}
	}
	if len(next) > 0 {
		if c.reader, err = s.newReader(committed); err != nil {
			return nil, outage(err)
		}
		defer c.reader.close()
		if err := c.reader.assign(next); err != nil {
			return nil, outage(err)
		}
		if err := c.read(ctx); err != nil {
			return nil, err
		}
	}
	if err := c.unchanged(ctx); err != nil {
		return nil, err
	}
	return starts, c.hand()
}

// read reads every partition to its end.
func (c *scan) read(ctx context.Context) error {
	heard, looked, waits := time.Now(), time.Now(), false
	for len(c.left) > 0 {
		record, eof, err := c.reader.next(ctx, time.Now().Add(holdEvery))
		if err != nil {
			return outage(err)
		}
		if record != nil || eof != nil {
			heard = time.Now()
		}
		switch {
		case record != nil:
			partition, offset := record.Partition, record.Offset
			end, reading := c.left[partition]
			if !reading {
				continue
			}
			if found, mine := c.session.storedRecord(record); mine && offset < end {
				c.chunk = append(c.chunk, found)
			}
			c.reached(partition, offset+1)
		case eof != nil:
			c.reached(eof.Partition, int64(eof.Offset))
			if end, reading := c.left[eof.Partition]; reading {
				c.hidden[eof.Partition] = outbox.Hidden{Partition: eof.Partition, From: int64(eof.Offset), To: end}
			}
		case len(c.hidden) < len(c.left) && time.Since(heard) > readPatience:
			if err := c.unchanged(ctx); err != nil {
				return err
			}
			return outage(c.reader.silent())
		}
		begins := len(c.hidden) == len(c.left) && len(c.left) > 0 && !waits
		waits = waits || begins
		if len(c.chunk) < readChunk && time.Since(looked) < holdEvery && !begins {
			continue
		}
		if len(c.hidden) > 0 && (begins || time.Since(looked) >= holdEvery) {
			if err := c.whose(ctx); err != nil {
				return outage(err)
			}
			if err := c.unchanged(ctx); err != nil {
				return err
			}
		}
		looked = time.Now()
		if err := c.hand(); err != nil {
			return err
		}
	}
	return nil
}

// reached notes that a partition was read up to before offset.
func (c *scan) reached(partition int32, offset int64) {
	delete(c.hidden, partition)
	if offset >= c.left[partition] {
		delete(c.left, partition)
	}
}

// hand passes the records to visit.
func (c *scan) hand() error {
	hidden := slices.SortedFunc(
		maps.Values(c.hidden),
		func(a, b outbox.Hidden) int { return cmp.Compare(a.Partition, b.Partition) },
	)
	err := c.visit(outbox.Sight{Found: c.chunk, Hidden: hidden})
	c.chunk = c.chunk[:0]
	return err
}

// whose finds out what can be known about the open transactions. Each begins with the record at which the committed
// ones end.
func (c *scan) whose(ctx context.Context) error {
	at := map[int32]int64{}
	for partition, hidden := range c.hidden {
		if hidden.Since.IsZero() {
			at[partition] = hidden.From
		}
	}
	if len(at) == 0 {
		return nil
	}
	first, err := c.probe.firsts(ctx, at)
	if err != nil {
		return err
	}
	for partition, record := range first {
		hidden := c.hidden[partition]
		if record.Offset != hidden.From {
			continue
		}
		hidden.Since = record.Timestamp.UTC()
		if envelope, ok := envelopeOf(record); ok {
			hidden.Lineage = envelope.Lineage
		}
		c.hidden[partition] = hidden
	}
	return nil
}

// unchanged returns outbox.ErrChanged if the topic was recreated, or truncated below what the scan had to read.
func (c *scan) unchanged(ctx context.Context) error {
	same, err := c.session.sameTopic(ctx)
	if err != nil {
		return outage(err)
	}
	if !same {
		return outage(fmt.Errorf("read topic %s: %w", c.session.name, outbox.ErrChanged))
	}
	spans, err := c.probe.spans()
	if err != nil {
		return outage(err)
	}
	for partition, end := range c.ends {
		if now := spans[partition].end; now < end {
			return outage(
				fmt.Errorf(
					"read topic %s: %w: partition %d ended at %d, and at %d now",
					c.session.name,
					outbox.ErrChanged,
					partition,
					end,
					now,
				),
			)
		}
	}
	return nil
}

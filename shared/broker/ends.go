package broker

import "time"

// snapshot is where the partitions' committed records ended at a moment.
type snapshot struct {
	at   time.Time
	ends map[int32]int64
}

// Through returns a moment, the zero time while none is known: all that the topic had then has been returned by Fetch and
// taken over. It follows the present at the pace of MetadataInterval, or of the reading when that is slower, and never goes back.
// Safe for concurrent use.
func (c *Consumer) Through() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.through
}

// Behind reports whether there are records that could be read and have not been: the broker said so and answers still. It is false
// while the broker is away. Safe for concurrent use.
func (c *Consumer) Behind() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ahead.ends != nil && time.Since(c.heard) < 2*c.config.MetadataInterval+metadataTimeout
}

// look asks where the partitions end, unless the answer of the last time is still ahead of what was read: under a lag that
// never ends, a newer one would be ahead for ever.
func (c *Consumer) look(partitions []int32) {
	c.mu.Lock()
	c.heard = time.Now()
	waits := c.ahead.ends != nil
	c.mu.Unlock()
	if waits {
		return
	}
	now := snapshot{time.Now(), make(map[int32]int64, len(partitions))}
	for _, id := range partitions {
		_, high, err := c.client.QueryWatermarkOffsets(c.config.Topic, id, int(metadataTimeout.Milliseconds()))
		if err != nil {
			return // an outage; Fetch says so
		}
		now.ends[id] = high
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead = now
	c.pass()
}

// pass notes when all that the snapshot speaks of was taken over. c.mu is held.
func (c *Consumer) pass() {
	if c.ahead.ends == nil {
		return
	}
	for id, end := range c.ahead.ends {
		position, known := c.position[id]
		if !known { // the topic was made again with fewer partitions
			c.ahead = snapshot{}
			return
		}
		if position < end {
			return
		}
	}
	if c.ahead.at.After(c.through) {
		c.through = c.ahead.at
	}
	c.ahead = snapshot{}
}

package kafka

// Ahead returns how many answers about the ends of partitions wait until everything up to them was read.
func (c *Consumer) Ahead() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.ahead)
}

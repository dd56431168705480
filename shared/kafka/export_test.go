package kafka

// Ahead returns how many answers about the ends of the partitions wait until all was read up to them.
func (c *Consumer) Ahead() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.ahead)
}

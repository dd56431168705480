package outbox

// Queued returns how many messages wait in memory. Those of a batch that was prepared do not.
func (o *Outbox) Queued() int {
	o.queue.mu.Lock()
	defer o.queue.mu.Unlock()
	return len(o.queue.rows)
}

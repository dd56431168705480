package outbox

import (
	"context"

	"go.etcd.io/bbolt"
)

// Await waits until the message in slot is known to be published, or will not be soon. It returns at once while nothing
// goes out. It takes no goroutine, and one lock for a moment. The message must be committed to the file.
//
// A message that is tried again has a new slot, which Status tells. Await does not follow it there.
func (o *Outbox) Await(ctx context.Context, slot uint64) Ack {
	for looked := false; ; looked = true {
		w, ack := o.awaited.enter(slot, &o.position, looked)
		switch {
		case w != nil:
			select {
			case ack := <-w.ack:
				return ack
			case <-ctx.Done():
				return o.awaited.leave(w)
			}
		case ack != "":
			return ack
		}
		if skipped, err := o.skipped(ctx, slot); err != nil {
			return Late
		} else if skipped {
			return Skipped
		}
	}
}

// skipped reports whether the file has a mark that slot is never to be published.
func (o *Outbox) skipped(ctx context.Context, slot uint64) (skipped bool, err error) {
	err = o.db.View(ctx, func(tx *bbolt.Tx) error {
		skipped = tx.Bucket(rootBucket).Bucket(skippedBucket).Get(slotKey(slot)) != nil
		return nil
	})
	return skipped, err
}

// Awaiting returns how many calls of Await wait.
func (o *Outbox) Awaiting() int {
	o.awaited.mu.Lock()
	defer o.awaited.mu.Unlock()
	return len(o.awaited.list) - o.awaited.left
}

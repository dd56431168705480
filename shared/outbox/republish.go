package outbox

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/event/cloudevent"
)

// Republish publishes messages once more, for readers that lost them or came later. It returns when they stand in the
// log. Readers that had them refuse them (rule C3a).
//
// A message keeps its id, its slot and its lineage, and goes to the partition that it had. Its record has the present
// time and the header cloudevent.HeaderRepublished. It covers its own slot only, because the slots before it may not be
// in the log any more. The watermark stays, and nothing is recorded in the file.
//
// Only messages that are published are sent. The relay sends them when no live message waits, and spends at most half
// of its time on them. During an outage Republish waits. If ctx ends, some of the messages may be sent. Give it a few
// hundred messages at a time: they stay in memory until they are sent.
func (o *Outbox) Republish(ctx context.Context, messages []Republication) (Republished, error) {
	if o.fenced.Load() {
		return Republished{}, ErrFenced
	}
	job := &republishing{rest: messages, most: republishRows, result: Republished{Left: map[uint64]State{}},
		done: make(chan struct{})}
	select {
	case o.republishing <- job:
	case <-ctx.Done():
		return Republished{}, ctx.Err()
	}
	select {
	case <-job.done:
		return job.result, nil
	case <-ctx.Done():
		return Republished{}, ctx.Err()
	}
}

// recordsRepublished builds the records of one transaction, in slot order. n is how many messages it has dealt with. It
// counts those that are not published.
func (o *Outbox) recordsRepublished(ctx context.Context, job *republishing) (rows []row, records []Record, n int,
	err error) {
	left := map[uint64]State{}
	err = o.db.View(ctx, func(tx *bbolt.Tx) error {
		bytes := 0
		for ; n < len(job.rest) && len(rows) < job.most; n++ {
			r, state, err := o.published(tx, &job.rest[n])
			if err != nil {
				return fmt.Errorf("publish message %s once more: %w", job.rest[n].Message.ID, err)
			}
			if state != Published {
				left[job.rest[n].Origin] = state
				continue
			}
			if bytes += r.size(); bytes > republishBytes && len(rows) > 0 {
				break
			}
			rows = append(rows, r)
		}
		slices.SortFunc(rows, func(a, b row) int { return cmp.Compare(a.slot, b.slot) })
		records, err = o.again(tx.Bucket(rootBucket), rows)
		return err
	})
	maps.Copy(job.result.Left, left)
	return rows, records, n, err
}

// again returns the records of rows that are published once more.
func (o *Outbox) again(root *bbolt.Bucket, rows []row) ([]Record, error) {
	now := o.config.Clock.Now().UTC()
	mark := cloudevent.Header{Key: cloudevent.HeaderRepublished, Value: []byte(now.Format(time.RFC3339Nano))}
	records := make([]Record, len(rows))
	for i := range rows {
		r := &rows[i]
		lineage, err := lineageOf(root, r.slot)
		if err != nil {
			return nil, err
		}
		before := r.slot - 1 // so it covers no other slot
		record := r.record(o.config.Source, lineage, o.partition(r.slot, r.message.Key), before, before)
		record.Headers, record.Time = append(record.Headers, mark), now
		records[i] = record
	}
	return records, nil
}

// published returns a published message under its present slot: its own row, or what the caller gave. Of any other
// message it returns the state.
func (o *Outbox) published(tx *bbolt.Tx, m *Republication) (row, State, error) {
	root := tx.Bucket(rootBucket)
	slot, err := currentSlot(root, m.Origin)
	if err != nil {
		return row{}, "", err
	}
	key := slotKey(slot)
	if slot > o.position.Load() || root.Bucket(skippedBucket).Get(key) != nil {
		status, err := o.Status(tx, m.Origin)
		return row{}, status.State, err
	}
	if sealed := root.Bucket(messagesBucket).Get(key); sealed != nil {
		r, err := o.config.Content.read(tx, key, sealed)
		return r, Published, err
	}
	gone, err := expired(root, slot)
	if err == nil && !gone {
		_, err = decodeRow(key, nil)
	}
	return row{slot: slot, origin: m.Origin, message: m.Message}, Published, err
}

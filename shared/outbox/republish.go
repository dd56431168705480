package outbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/event/cloudevent"
)

// Republication is a message that was published long ago, as the caller still has it.
type Republication struct {
	// Origin is the slot that Append returned.
	Origin uint64
	// Message is what was appended. The outbox prefers its own row, as long as retention has not deleted it.
	Message Message
}

// Republished says what became of messages that were to be published once more.
type Republished struct {
	Sent int
	// Left are those that were not sent because they are not published: their states, by origin.
	Left map[uint64]State
	// Refused are the origins of those that the publisher refuses now, such as those above a limit that was lowered.
	Refused []uint64
}

// Limits of one transaction of a republication. Live messages wait for one such transaction at most.
const (
	republishRows  = 500
	republishBytes = 1 << 20
)

// republishing is a call of Republish that the relay works on. done is closed when the relay is through with it.
type republishing struct {
	rest   []Republication
	most   int // messages in the next transaction; halved to find one that is refused
	result Republished
	done   chan struct{}
}

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

// republish makes one transaction of a republication, if there is one and it may go on. sent reports whether it did.
// The caller has seen that no live message waits.
func (r *Relay) republish(ctx context.Context, session Session) (sent bool, err error) {
	if r.again == nil {
		select {
		case r.again = <-r.outbox.republishing:
		default:
			return false, nil
		}
	}
	if time.Now().Before(r.againDue) {
		return false, nil
	}
	job, began := r.again, time.Now()
	rows, records, n, err := r.outbox.recordsRepublished(ctx, job)
	if err != nil {
		return false, Fatal(err)
	}
	if len(records) > 0 {
		_, err = r.transact(ctx, session, records, r.outbox.position.Load(), nil)
		if rejected, ok := errors.AsType[*RejectedError](err); ok {
			r.up()
			return true, job.rejected(rows, rejected)
		}
		if err != nil {
			return false, err
		}
		r.up()
	}
	job.passed(n, len(records))
	r.metrics.requested.Add(float64(len(records)))
	r.againDue = time.Now().Add(time.Since(began))
	if len(job.rest) == 0 {
		close(job.done)
		r.again = nil
	}
	return true, nil
}

// passed moves on by n messages, of which some were sent.
func (j *republishing) passed(n, sent int) {
	j.rest = j.rest[n:]
	j.result.Sent += sent
	j.most = min(j.most*2, republishRows)
}

// rejected leaves out the messages that were refused. It finds them as sender.rejected does, but charges them nothing:
// they are published.
func (j *republishing) rejected(rows []row, cause *RejectedError) error {
	if len(cause.Slots) == 0 && len(rows) > 1 {
		j.most = len(rows) / 2
		return errRejected
	}
	var refused []uint64
	for i := range rows {
		if len(cause.Slots) == 0 || slices.Contains(cause.Slots, rows[i].slot) {
			refused = append(refused, rows[i].origin)
		}
	}
	j.result.Refused = append(j.result.Refused, refused...)
	j.rest = slices.DeleteFunc(slices.Clone(j.rest), func(m Republication) bool {
		return slices.Contains(refused, m.Origin)
	})
	if len(cause.Slots) > 0 { // nothing was sent, and the session goes on
		return nil
	}
	return errRejected
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

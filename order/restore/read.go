package restore

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"ordertally/order/orderstore"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka"
	"ordertally/shared/outbox"
)

// Lineage is what the topic has of one lineage.
type Lineage struct {
	Name     string    `json:"name"`
	Messages int       `json:"messages"`
	First    time.Time `json:"first_at"` // of its records
	Last     time.Time `json:"last_at"`
}

func (l *Lineage) add(at time.Time) {
	if l.Messages++; l.First.IsZero() || at.Before(l.First) {
		l.First = at
	}
	if at.After(l.Last) {
		l.Last = at
	}
}

func (r *restoring) sortedLineages() []Lineage {
	all := make([]Lineage, 0, len(r.lineages))
	for _, l := range r.lineages {
		all = append(all, *l)
	}
	slices.SortFunc(all, func(a, b Lineage) int {
		return cmp.Or(a.First.Compare(b.First), cmp.Compare(a.Name, b.Name))
	})
	return all
}

// batchMessages is how many messages one transaction takes.
const batchMessages = 16_000

// progressEvery is how often a long run says how far it is.
const progressEvery = 5 * time.Second

// read absorbs what the topic has, up to its present ends. Reading goes on while the batch before is written. If waits
// is nil, it leaves out what open transactions hide.
func (r *restoring) read(ctx context.Context, waits func([]outbox.Hidden)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	batches := make(chan []orderstore.Message, 1)
	var writing sync.WaitGroup
	writing.Go(func() {
		for batch := range batches {
			if ctx.Err() != nil {
				continue
			}
			if err := r.absorber.Put(ctx, batch, r.contradicted); err != nil {
				cancel(err)
			}
		}
	})
	in := intake{restoring: r, hand: func(batch []orderstore.Message) error {
		select {
		case batches <- batch:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}}
	err := r.reader.Read(ctx, waits, func(records []kafka.Record) error { return in.take(ctx, records) })
	if err == nil {
		err = in.flush()
	}
	close(batches)
	writing.Wait()
	if cause := context.Cause(ctx); cause != nil && err != nil {
		return cause
	}
	return err
}

// waits tells what reading waits for, once.
func (r *restoring) waits(hidden []outbox.Hidden) {
	first := hidden[0]
	line := fmt.Sprintf("waiting for the open transaction of another program to end: partition %d, offset %d (%d "+
		"partitions wait)", first.Partition, first.From, len(hidden))
	if line != r.waiting {
		r.Progress(line)
	}
	r.waiting = line
}

// contradicted notes a record that the file contradicts.
func (r *restoring) contradicted(m *orderstore.Message, err error) {
	r.refuse(fmt.Sprintf("slot %d: %v", m.Slot(), err))
}

// refuse notes a record of the lineage that is no message of it. It is safe for concurrent use.
func (r *restoring) refuse(text string) {
	r.refusing.Lock()
	defer r.refusing.Unlock()
	r.report.refused(text)
}

// intake turns records into messages.
type intake struct {
	*restoring
	parser cloudevent.Parser
	batch  []orderstore.Message
	hand   func([]orderstore.Message) error
	told   time.Time
	read   int
}

func (in *intake) take(ctx context.Context, records []kafka.Record) error {
	for i := range records {
		if err := in.record(ctx, &records[i]); err != nil {
			return err
		}
	}
	if in.read += len(records); time.Since(in.told) > progressEvery {
		if !in.told.IsZero() {
			in.Progress("records read: " + fmt.Sprint(in.read))
		}
		in.told = time.Now()
	}
	return nil
}

func (in *intake) record(ctx context.Context, record *kafka.Record) error {
	envelope, ours := in.envelope(record)
	if !ours {
		in.report.Foreign++
		return nil
	}
	of := in.lineages[envelope.Lineage]
	if of == nil {
		of = &Lineage{Name: envelope.Lineage}
		in.lineages[envelope.Lineage] = of
	}
	of.add(record.Timestamp)
	if in.absorption == nil && (in.Lineage == "" || in.Lineage == envelope.Lineage) {
		if err := in.start(ctx, envelope.Lineage); err != nil {
			return err
		}
	}
	if in.absorption == nil || in.report.Lineage != envelope.Lineage {
		return nil
	}
	at := outbox.Position{Partition: record.Partition, Offset: record.Offset}
	if in.limit > 0 && envelope.Sequence > in.limit {
		in.refuse(fmt.Sprintf("partition %d, offset %d: its slot %d is far beyond those that were published",
			at.Partition,
			at.Offset, envelope.Sequence))
		return nil
	}
	message, refused := orderstore.Read(&envelope, at, record.Timestamp, record.Key, record.Value, record.Headers)
	if refused != nil {
		in.refuse(fmt.Sprintf("partition %d, offset %d: %v", record.Partition, record.Offset, refused))
		return nil
	}
	if in.batch = append(in.batch, message); len(in.batch) < batchMessages {
		return nil
	}
	return in.flush()
}

// envelope returns the envelope of a record that an order service wrote.
func (in *intake) envelope(record *kafka.Record) (envelope cloudevent.Envelope, ours bool) {
	envelope, err := in.parser.Parse(record.Headers)
	return envelope, err == nil && envelope.Source == event.Source && envelope.Lineage != ""
}

func (in *intake) flush() error {
	if len(in.batch) == 0 {
		return nil
	}
	batch := in.batch
	in.batch = make([]orderstore.Message, 0, batchMessages)
	return in.hand(batch)
}

// start begins to absorb the records of a lineage.
func (r *restoring) start(ctx context.Context, lineage string) (err error) {
	r.report.Lineage = lineage
	now := time.Now()
	r.absorption, err = outbox.Absorb(ctx, r.file.DB, outbox.AbsorbConfig{
		Lineage: lineage, Partitions: r.reader.Partitions(), Since: now.Add(-r.OutboxRetention),
	})
	if err != nil {
		return err
	}
	r.absorber, err = orderstore.NewAbsorber(ctx, r.file.DB, r.absorption, now.Add(-r.KeyRetention))
	return err
}

// listed names the lineages that the topic has.
func (r *restoring) listed() string {
	if len(r.lineages) == 0 {
		return "; it has none at all"
	}
	return fmt.Sprintf("; it has those of %v", slices.Sorted(maps.Keys(r.lineages)))
}

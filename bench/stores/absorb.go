package stores

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"ordertally/bench/sample"
	"ordertally/order"
	"ordertally/order/orderstore"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
)

const (
	absorbedLineage = "0123456789abcdef0123456789abcdef"
	absorbedAtOnce  = 16_000
	partitions      = 6
)

// Absorb makes an order file in dir that has the orders 1 to n, with their keys, as if they had been read from a topic:
// the way a restore takes. Their messages are published. Progress is told now and then.
func Absorb(ctx context.Context, dir string, n int64, progress func(done int64)) (path string, err error) {
	path = filepath.Join(dir, File)
	building, err := boltdb.Build(path, boltdb.Options{Format: orderstore.Format})
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, building.Discard()) }() // does nothing after Finish
	absorption, err := outbox.Absorb(ctx, building.DB, outbox.AbsorbConfig{
		Lineage: absorbedLineage, Partitions: partitions, Since: time.Now().Add(time.Hour),
	})
	if err != nil {
		return "", err
	}
	absorber, err := orderstore.NewAbsorber(ctx, building.DB, absorption, time.Time{})
	if err != nil {
		return "", err
	}
	made := published{ids: uuidv7.NewSource(clock.System{}, 0, uuidv7.ID{})}
	for first := int64(1); first <= n; first += absorbedAtOnce {
		last := min(first+absorbedAtOnce-1, n)
		batch := make([]orderstore.Message, 0, absorbedAtOnce)
		for i := first; i <= last; i++ {
			message, err := made.message(i)
			if err != nil {
				return "", err
			}
			batch = append(batch, message)
		}
		var refused error
		if err := absorber.Put(ctx, batch, func(m *orderstore.Message, err error) {
			refused = fmt.Errorf("slot %d: %w", m.Slot(), err)
		}); err != nil || refused != nil {
			return "", errors.Join(err, refused)
		}
		progress(last)
	}
	if _, err := absorber.Finish(ctx); err != nil {
		return "", err
	}
	if count := absorber.Count(); int64(count.Orders) != n || int64(count.Keys) != n {
		return "", fmt.Errorf("%d orders and %d keys were absorbed, want %d", count.Orders, count.Keys, n)
	}
	slot := uint64(n) //nolint:gosec // it is positive
	if _, err := absorption.Finish(ctx, building.DB, outbox.LogEnd{
		Watermark: slot, Last: slot, Starts: map[int32]int64{},
	}); err != nil {
		return "", err
	}
	return path, building.Finish()
}

// published makes messages as they stand in a topic.
type published struct {
	ids     *uuidv7.Source
	offsets [partitions]int64
}

// message returns that of order n, whose slot is n.
func (p *published) message(n int64) (orderstore.Message, error) {
	id, messageID := p.ids.Next(), p.ids.Next()
	value := sample.Payload(n)
	event.SetID(value, id)
	slot := uint64(n) //nolint:gosec // it is positive
	at := outbox.Position{Partition: int32(n % partitions), Offset: p.offsets[n%partitions]}
	p.offsets[n%partitions]++
	envelope := &cloudevent.Envelope{
		ID: messageID.String(), Source: event.Source, Type: event.TypeCreated, Subject: id.String(),
		Time: sample.Placed, DataSchema: event.SchemaCreated, ContentType: event.ContentType,
		Lineage: absorbedLineage, Sequence: slot, Previous: slot - 1,
	}
	headers := []cloudevent.Header{event.KeyHeader(sample.KeyHash(n), order.RequestHash{1})}
	return orderstore.Read(envelope, at, time.Now(), []byte(envelope.Subject), value, headers)
}

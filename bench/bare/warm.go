package bare

import (
	"context"
	"fmt"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"golang.org/x/sync/errgroup"
)

// Warm has a broker do for a while what the benchmarks have it do, so that Java has compiled that: transactions with a
// few records and an offset in each, and readers of committed records.
func Warm(ctx context.Context, broker string, span time.Duration) error {
	const producers = 4
	group, ctx := errgroup.WithContext(ctx)
	for i := range producers {
		group.Go(func() error {
			return warm(ctx, broker, fmt.Sprint("warm-", i), time.Now().Add(span))
		})
	}
	return group.Wait()
}

func warm(ctx context.Context, broker, topic string, end time.Time) error {
	if err := CreateTopic(ctx, broker, topic); err != nil {
		return err
	}
	producer, err := confluent.NewProducer(&confluent.ConfigMap{
		"bootstrap.servers": broker, "transactional.id": topic, "compression.type": "zstd", "linger.ms": 0,
		"go.delivery.report.fields": "none", "enable.metrics.push": false, "log_level": 0,
	})
	if err != nil {
		return err
	}
	defer producer.Close()
	go func() {
		for range producer.Events() { // errors fail the transaction
		}
	}()
	group, err := confluent.NewTestConsumerGroupMetadata(topic)
	if err != nil {
		return err
	}
	reader, err := NewReader(broker, topic)
	if err != nil {
		return err
	}
	defer func() { _ = reader.Close() }() // it was only read
	if err := producer.InitTransactions(ctx); err != nil {
		return err
	}
	maker := NewMaker(topic)
	for n := int64(1); time.Now().Before(end) && ctx.Err() == nil; n++ {
		if err := producer.BeginTransaction(); err != nil {
			return err
		}
		const records = 20
		var batch []*confluent.Message
		for range records {
			batch = append(batch, maker.Make(n))
		}
		if err := Send(producer, batch); err != nil {
			return err
		}
		at := []confluent.TopicPartition{{Topic: &topic, Partition: 0, Offset: confluent.Offset(n)}}
		if err := producer.SendOffsetsToTransaction(ctx, at, group); err != nil {
			return err
		}
		if err := producer.CommitTransaction(ctx); err != nil {
			return err
		}
		for range records {
			if _, err := reader.Next(); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

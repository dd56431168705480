//go:build full

package stores

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	watermillkafka "github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	watermillsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/components/forwarder"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/jackc/pgx/v5"
)

const (
	// watermillPoll is how often the forwarder looks for messages when there were none. Watermill's default is a
	// second.
	watermillPoll = 10 * time.Millisecond
	// watermillBatch is how many messages the forwarder reads at once. Watermill's default is 100.
	watermillBatch = 1000

	watermillTopic = "outbox"
)

// Watermill stores orders in PostgreSQL, each with its message in one transaction, and forwards the messages to Kafka
// with Watermill's forwarder.
type Watermill struct {
	*postgres
	topic string // in Kafka
	stop  func() error
}

// OpenWatermill starts PostgreSQL in dir and a forwarder to a topic of Kafka.
func OpenWatermill(ctx context.Context, dir, broker, topic string) (*Watermill, error) {
	base, err := openPostgres(ctx, dir, false)
	if err != nil {
		return nil, err
	}
	w := &Watermill{postgres: base, topic: topic}
	if err := w.forward(context.WithoutCancel(ctx), broker); err != nil {
		return nil, errors.Join(err, base.Close())
	}
	return w, nil
}

func watermillSchema() watermillsql.DefaultPostgreSQLSchema {
	return watermillsql.DefaultPostgreSQLSchema{SubscribeBatchSize: watermillBatch}
}

// forward starts the forwarder. It waits for each record until all replicas have it, as the product does.
func (w *Watermill) forward(ctx context.Context, broker string) error {
	log := watermill.NopLogger{}
	config := watermillkafka.DefaultSaramaSyncPublisherConfig()
	config.Version = sarama.V2_8_0_0 // Kafka 4 does not know the default any more
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Idempotent, config.Net.MaxOpenRequests = true, 1
	to, err := watermillkafka.NewPublisher(watermillkafka.PublisherConfig{
		Brokers: []string{broker}, OverwriteSaramaConfig: config,
		Marshaler: watermillkafka.NewWithPartitioningMarshaler(func(_ string, m *message.Message) (string, error) {
			return m.UUID, nil
		}),
	}, log)
	if err != nil {
		return err
	}
	from, err := watermillsql.NewSubscriber(watermillsql.BeginnerFromPgx(w.pool), watermillsql.SubscriberConfig{
		SchemaAdapter: watermillSchema(), OffsetsAdapter: watermillsql.DefaultPostgreSQLOffsetsAdapter{},
		PollInterval: watermillPoll, InitializeSchema: true,
	}, log)
	if err != nil {
		return errors.Join(err, to.Close())
	}
	forwards, err := forwarder.NewForwarder(from, to, log, forwarder.Config{ForwarderTopic: watermillTopic})
	if err != nil {
		return errors.Join(err, to.Close())
	}
	ended := make(chan error, 1)
	go func() { ended <- forwards.Run(ctx) }()
	select {
	case <-forwards.Running():
	case err := <-ended:
		return errors.Join(err, to.Close())
	}
	w.stop = func() error { return errors.Join(forwards.Close(), <-ended, to.Close()) }
	return nil
}

// Place implements Store. It does as openPostgres's, but for the message, which Watermill inserts.
func (w *Watermill) Place(ctx context.Context, n int64) error {
	r := recordsOf(n)
	customer := string(r.customer[:len(r.customer)-len(r.id)-1])
	return stored(pgx.BeginFunc(ctx, w.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, insertKey, r.key, r.keyValue); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, insertOrder, r.id, customer, r.payload); err != nil {
			return err
		}
		into, err := watermillsql.NewPublisher(watermillsql.TxFromPgx(tx),
			watermillsql.PublisherConfig{SchemaAdapter: watermillSchema()}, watermill.NopLogger{})
		if err != nil {
			return err
		}
		m := message.NewMessage(hex.EncodeToString(r.id), r.payload)
		m.Metadata.Set("headers", string(headers))
		m.SetContext(ctx)
		return forwarder.NewPublisher(into, forwarder.PublisherConfig{ForwarderTopic: watermillTopic}).
			Publish(w.topic, m)
	}))
}

// Close implements Store.
func (w *Watermill) Close() error { return errors.Join(w.stop(), w.postgres.Close()) }

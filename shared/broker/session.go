package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/rs/zerolog"

	"ordertally/shared/crashpoint"
	"ordertally/shared/outbox"
)

// session is one transactional producer.
type session struct {
	producer *kafka.Producer
	admin    *kafka.AdminClient
	group    *kafka.ConsumerGroupMetadata
	logs     *logPump
	logger   zerolog.Logger
	topic    string
	lineage  string

	watermark uint64
	known     bool

	troubled atomic.Bool // an error event arrived since the transaction began
	events   sync.WaitGroup
	asking   sync.WaitGroup // the client that asked for the watermark, on its way out
	closing  sync.Once
}

// watchEvents keeps the event channel read and notes trouble.
func (s *session) watchEvents() {
	s.events.Go(func() {
		for event := range s.producer.Events() {
			if err, ok := event.(kafka.Error); ok {
				s.troubled.Store(true)
				s.logger.Debug().Str("code", err.Code().String()).Bool("fatal", err.IsFatal()).Msg(err.Error())
			}
		}
	})
}

func (s *session) prepare(ctx context.Context, config PublisherConfig, id outbox.Identity) error {
	if err := ensureTopic(ctx, s.admin, config, id.Position == 0); err != nil {
		return err
	}
	if err := s.producer.InitTransactions(ctx); err != nil {
		return fmt.Errorf("fence earlier producers of lineage %s: %w", s.lineage, err)
	}
	return s.readWatermark(ctx, config.Brokers)
}

// watermarkTimeout bounds one question for the watermark. On a cluster that never saw a consumer group the first one
// has the broker make its offsets topic and is not answered.
const watermarkTimeout = time.Second

// readWatermark asks for the lineage's committed offset until it is told or ctx ends. isolation.level makes the broker
// hold the answer back while an earlier transaction is being ended ("unstable").
//
// A consumer asks, and not the admin API: librdkafka's requests to a group's coordinator abort the whole process when the
// connection breaks at the wrong moment (librdkafka issue 3663, seen with 2.15 in an outage).
func (s *session) readWatermark(ctx context.Context, brokers []string) error {
	client, err := kafka.NewConsumer(clientConfig(brokers, s.logs.lines, kafka.ConfigMap{
		"group.id": s.lineage, "enable.auto.commit": false, "isolation.level": "read_committed",
	}))
	if err != nil {
		return fmt.Errorf("read the watermark of lineage %s: %w", s.lineage, err)
	}
	defer s.asking.Go(func() { // it takes 0.1 s, for which nothing need wait
		closeInTime(s.logger, "consumer", func() { _ = client.Close() })
	})
	partition := []kafka.TopicPartition{{Topic: &s.topic, Partition: 0}}
	for {
		committed, err := client.Committed(partition, int(watermarkTimeout.Milliseconds()))
		if err == nil {
			err = committed[0].Error
		}
		var kafkaErr kafka.Error
		isKafka := errors.As(err, &kafkaErr)
		switch {
		case err == nil:
			if offset := committed[0].Offset; offset >= 0 {
				s.watermark, s.known = uint64(offset), true
			}
			return nil
		case isKafka && kafkaErr.Code() == kafka.ErrGroupIDNotFound:
			return nil
		case isKafka && retryWatermark(kafkaErr) && pause(ctx, 20*time.Millisecond) == nil:
			s.logger.Debug().Err(err).Msg("asking for the watermark again")
		default:
			return fmt.Errorf("read the watermark of lineage %s: %w", s.lineage, err)
		}
	}
}

func retryWatermark(err kafka.Error) bool {
	switch err.Code() {
	case kafka.ErrUnstableOffsetCommit, kafka.ErrTimedOut, kafka.ErrCoordinatorLoadInProgress, kafka.ErrCoordinatorNotAvailable, kafka.ErrNotCoordinator:
		return true
	}
	return err.IsRetriable()
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Watermark implements outbox.Session.
func (s *session) Watermark() (uint64, bool) { return s.watermark, s.known }

// Publish implements outbox.Session.
func (s *session) Publish(ctx context.Context, records []outbox.Record, watermark uint64) ([]outbox.Place, error) {
	s.troubled.Store(false)
	if err := s.producer.BeginTransaction(); err != nil {
		return nil, outage(fmt.Errorf("begin a Kafka transaction: %w", err))
	}
	places, err := s.produce(ctx, records, watermark)
	var rejected *outbox.RejectedError
	if errors.As(err, &rejected) {
		// So that readers do not wait for the next session to abort it. The producer is of no more use: its sequence numbers
		// ran ahead of the broker's by the refused messages.
		if err := s.producer.AbortTransaction(ctx); err != nil {
			s.logger.Debug().Err(err).Msg("cannot abort a Kafka transaction")
		}
		return nil, rejected
	}
	if err != nil {
		return nil, outage(s.cause(err))
	}
	crashpoint.Here("broker.before-commit")
	if err := s.producer.CommitTransaction(ctx); err != nil {
		return nil, outage(fmt.Errorf("commit a Kafka transaction: %w", err))
	}
	// librdkafka repeats a commit whose answer was lost, and the lost one may still arrive later and end the next
	// transaction (it lacks KIP-890). So trouble on the way makes a success unknown (rule P6).
	if s.troubled.Load() {
		return nil, &outbox.OutageError{Class: outbox.Unavailable, Err: errors.New("the connection broke during a transaction: its outcome has to be read back")}
	}
	return places, nil
}

// cause returns the fatal error behind err when there is one: a fenced producer only reports its messages as purged.
func (s *session) cause(err error) error {
	if fatal := s.producer.GetFatalError(); fatal != nil {
		return fmt.Errorf("%w (seen as: %w)", fatal, err)
	}
	return err
}

// sendWatermark adds the watermark to the transaction.
func (s *session) sendWatermark(ctx context.Context, watermark uint64) error {
	crashpoint.Here("broker.before-offsets")
	offsets := []kafka.TopicPartition{{
		Topic: &s.topic, Partition: 0, Offset: kafka.Offset(watermark), //nolint:gosec // slots stay far below 2^63
	}}
	if err := s.producer.SendOffsetsToTransaction(ctx, offsets, s.group); err != nil {
		return fmt.Errorf("add the watermark to a Kafka transaction: %w", err)
	}
	return nil
}

// produce hands all records to librdkafka, adds the watermark while they are on their way, and waits for every delivery
// report. Adding it only then costs a lone message a seventh of its time.
func (s *session) produce(ctx context.Context, records []outbox.Record, watermark uint64) ([]outbox.Place, error) {
	reports := make(chan kafka.Event, len(records)) // never blocks librdkafka's thread
	var failure error
	sent := 0
	for i := range records {
		if failure = s.send(ctx, &records[i], i, reports); failure != nil {
			break
		}
		sent++
	}
	if failure == nil {
		if failure = s.sendWatermark(ctx, watermark); failure != nil {
			// A refused message is the cause, or there is an outage: the reports tell, without waiting for what is in flight.
			_ = s.producer.Purge(kafka.PurgeQueue | kafka.PurgeInFlight | kafka.PurgeNonBlocking)
		}
	}
	places := make([]outbox.Place, len(records))
	for range sent {
		select {
		case event := <-reports:
			message, ok := event.(*kafka.Message)
			if !ok {
				continue
			}
			if err := message.TopicPartition.Error; err != nil {
				before := failure
				failure = worse(failure, deliveryFailure(err))
				if isRejected(failure) && !isRejected(before) {
					// What follows in its partition is refused as out of order and tried again for 9 s.
					_ = s.producer.Purge(kafka.PurgeQueue | kafka.PurgeInFlight | kafka.PurgeNonBlocking)
				}
				continue
			}
			if i, ok := message.Opaque.(int); ok {
				places[i] = outbox.Place{Partition: message.TopicPartition.Partition, Offset: int64(message.TopicPartition.Offset)}
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for delivery reports: %w", ctx.Err())
		}
	}
	return places, failure
}

func (s *session) send(ctx context.Context, r *outbox.Record, index int, reports chan kafka.Event) error {
	headers := make([]kafka.Header, len(r.Headers))
	for i, h := range r.Headers {
		headers[i] = kafka.Header(h)
	}
	message := &kafka.Message{
		TopicPartition: kafka.TopicPartition{Topic: &s.topic, Partition: kafka.PartitionAny},
		Key:            r.Key, Value: r.Value, Headers: headers, Timestamp: r.Time, Opaque: index,
	}
	for {
		err := s.producer.Produce(message, reports)
		var kafkaErr kafka.Error
		if errors.As(err, &kafkaErr) && kafkaErr.Code() == kafka.ErrQueueFull {
			if err := pause(ctx, time.Millisecond); err != nil {
				return fmt.Errorf("hand a message to librdkafka: %w", err)
			}
			continue
		}
		if err != nil {
			return deliveryFailure(err)
		}
		return nil
	}
}

// deliveryFailure tells a message's own fault from an outage.
func deliveryFailure(err error) error {
	var kafkaErr kafka.Error
	if errors.As(err, &kafkaErr) {
		if class := ownFault(kafkaErr.Code()); class != "" {
			return &outbox.RejectedError{Class: class, Err: err}
		}
	}
	return fmt.Errorf("deliver a message: %w", err)
}

// worse returns the failure that explains the batch: one message's own fault makes librdkafka fail its neighbours too.
func worse(a, b error) error {
	if a == nil || isRejected(b) {
		return b
	}
	return a
}

func isRejected(err error) bool {
	_, ok := errors.AsType[*outbox.RejectedError](err)
	return ok
}

// Close implements outbox.Session. What is unfinished is dropped: the next session aborts it.
func (s *session) Close() {
	s.closing.Do(func() {
		closeInTime(s.logger, "producer", func() {
			_ = s.producer.Purge(kafka.PurgeQueue | kafka.PurgeInFlight | kafka.PurgeNonBlocking)
			s.admin.Close()
			s.producer.Close()
			s.events.Wait()
			s.asking.Wait()
			s.logs.stop()
		})
	})
}

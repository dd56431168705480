package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/rs/zerolog"

	"ordertally/shared/crashpoint"
	"ordertally/shared/outbox"
)

// session is one transactional producer.
type session struct {
	producer        *confluent.Producer
	admin           *confluent.AdminClient
	groupMeta       *confluent.ConsumerGroupMetadata
	patience        *patience
	logs            *logPump
	logger          zerolog.Logger
	transactional   bool
	watermarkClient *confluent.Consumer // sets the watermark if there are no transactions; else nil
	brokers         []string
	security        *Security
	name            string // of the topic
	lineage         string
	group           string // of the watermark; also the transactional id

	topic     topic
	limit     int // of a batch in the topic, in bytes
	keeping   keeping
	watermark outbox.Watermark
	known     bool

	ended        time.Time     // of the last transaction; zero without transactions
	disconnected atomic.Bool   // an error event has arrived since the transaction began
	broke        chan struct{} // closed when the topic may have changed
	breaking     sync.Once
	denied       context.Context //nolint:containedctx // ends, with the cause, when a broker refuses the login
	deny         context.CancelCauseFunc
	events       sync.WaitGroup
	asking       sync.WaitGroup // clients that are being closed
	calls        sync.WaitGroup // calls of the producer, maybe given up
	unwatch      context.CancelFunc
	watching     sync.WaitGroup
	closing      sync.Once
}

// watchEvents reads the event channel and notes errors. One broker that is away is no reason to check the topic again,
// because other brokers have the acknowledged records.
func (s *session) watchEvents() {
	s.events.Go(func() {
		for event := range s.producer.Events() {
			if err, ok := event.(confluent.Error); ok {
				s.disconnected.Store(true)
				if denied(err) {
					s.deny(err)
				}
				if err.Code() == confluent.ErrAllBrokersDown {
					s.trouble()
				}
				s.logger.Debug().Str("code", err.Code().String()).Bool("fatal", err.IsFatal()).Msg(err.Error())
			}
		}
	})
}

// trouble notes that the topic may have changed.
func (s *session) trouble() { s.breaking.Do(func() { close(s.broke) }) }

// prepareUnlessDenied is prepare, but it returns as soon as a broker refuses the login. librdkafka alone would try
// until ctx ends and then report a timeout.
func (s *session) prepareUnlessDenied(ctx context.Context, config PublisherConfig, id outbox.Identity) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(s.denied, func() { cancel(context.Cause(s.denied)) })()
	err := s.prepare(ctx, config, id)
	if err != nil && s.denied.Err() != nil {
		return fmt.Errorf("log in to Kafka: %w", context.Cause(s.denied))
	}
	return err
}

func (s *session) prepare(ctx context.Context, config PublisherConfig, id outbox.Identity) (err error) {
	if s.topic, err = ensureTopic(ctx, s.admin, config, id.MayCreate); err != nil {
		return err
	}
	s.limit = s.topicLimit(ctx)
	if s.transactional {
		if err := s.call(ctx, s.producer.InitTransactions); err != nil {
			hint := ""
			if code, ok := errors.AsType[confluent.Error](err); ok &&
				code.Code() == confluent.ErrInvalidTransactionTimeout {
				hint = fmt.Sprintf(
					": transaction-timeout (%v) is more than the brokers allow: lower it, or raise their "+
						"transaction.max.timeout.ms",
					config.TransactionTimeout,
				)
			}
			return fmt.Errorf("fence earlier producers of lineage %s: %w%s", s.lineage, err, hint)
		}
	}
	client, err := s.newWatermarkClient()
	if err != nil {
		return err
	}
	if s.transactional {
		defer s.closeLater(client)
	} else {
		s.watermarkClient = client
	}
	s.watermark, s.known, err = readWatermark(ctx, client, s.name, s.lineage)
	return err
}

// call makes a call of the producer and gives it up when ctx ends. librdkafka itself only reads ctx's deadline, once,
// when the call begins.
func (s *session) call(ctx context.Context, f func(context.Context) error) error {
	result := make(chan error, 1)
	s.calls.Go(func() { result <- f(ctx) })
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Watermark implements outbox.Session.
func (s *session) Watermark() (outbox.Watermark, bool) { return s.watermark, s.known }

// Partitions implements outbox.Session.
func (s *session) Partitions() int { return s.topic.partitions }

// LogID implements outbox.Log. It is the topic's id.
func (s *session) LogID() string { return s.topic.id }

// Disconnected implements outbox.Log.
func (s *session) Disconnected() <-chan struct{} { return s.broke }

// transactionPause is how long after a transaction the next one should begin. The broker first writes the markers of
// the last one. A transaction that comes earlier is refused (CONCURRENT_TRANSACTIONS), and librdkafka waits 20 ms
// before it tries again.
const transactionPause = 2 * time.Millisecond

// NotBefore implements outbox.Paced.
func (s *session) NotBefore() time.Time { return s.ended.Add(transactionPause) }

// Publish implements outbox.Session.
func (s *session) Publish(ctx context.Context, records []outbox.Record, watermark outbox.Watermark) ([]outbox.Position,
	error) {
	positions, err := s.publish(ctx, records, watermark)
	if _, rejected := errors.AsType[*outbox.RejectedError](err); err == nil || rejected {
		s.patience.went()
	} else {
		s.patience.failed()
	}
	return positions, err
}

func (s *session) publish(ctx context.Context, records []outbox.Record, watermark outbox.Watermark) ([]outbox.Position,
	error) {
	if err := ctx.Err(); err != nil { // a commit with an ended context may still succeed
		return nil, outage(fmt.Errorf("publish: %w", err))
	}
	if rejected := s.tooLarge(ctx, records); rejected != nil {
		return nil, rejected
	}
	if !s.transactional {
		return s.publishAtLeastOnce(ctx, records, watermark)
	}
	s.disconnected.Store(false)
	s.logs.broken.Store(false)
	if err := s.producer.BeginTransaction(); err != nil {
		return nil, outage(fmt.Errorf("begin a Kafka transaction: %w", err))
	}
	// The watermark is added meanwhile. After the delivery reports, it would make a lone message a seventh slower.
	positions, err := s.produce(ctx, records, func() error { return s.sendWatermark(ctx, watermark) })
	var rejected *outbox.RejectedError
	if errors.As(err, &rejected) {
		// Otherwise readers would wait for the next session to abort it. The producer is useless now: the refused
		// messages put its sequence numbers ahead of the broker's.
		if err := s.call(ctx, s.producer.AbortTransaction); err != nil {
			s.logger.Debug().Err(err).Msg("cannot abort a Kafka transaction")
		}
		return nil, rejected
	}
	if err != nil {
		return nil, outage(s.cause(err))
	}
	crashpoint.Here("broker.before-commit")
	if err := s.call(ctx, s.producer.CommitTransaction); err != nil {
		return nil, outage(fmt.Errorf("commit a Kafka transaction: %w", err))
	}
	// librdkafka repeats a commit whose answer was lost. The first one may still arrive later and end the next
	// transaction, because librdkafka lacks KIP-890. So if there was an error, a success counts as unknown (rule P6).
	if s.disconnected.Load() || s.logs.broken.Load() {
		return nil, &outbox.OutageError{Class: outbox.Unavailable,
			Err: errors.New("the connection broke during a transaction: its outcome has to be read back")}
	}
	s.ended = time.Now()
	return positions, nil
}

// cause returns the fatal error behind err if there is one. A fenced producer only reports its messages as purged.
func (s *session) cause(err error) error {
	if fatal := s.producer.GetFatalError(); fatal != nil {
		return fmt.Errorf("%w (seen as: %w)", fatal, err)
	}
	return err
}

// sendWatermark adds the watermark to the transaction.
func (s *session) sendWatermark(ctx context.Context, watermark outbox.Watermark) error {
	crashpoint.Here("broker.before-offsets")
	err := s.call(ctx, func(ctx context.Context) error {
		return s.producer.SendOffsetsToTransaction(ctx, s.offsetOf(watermark), s.groupMeta)
	})
	if err != nil {
		return fmt.Errorf("add the watermark to a Kafka transaction: %w", err)
	}
	return nil
}

// produce hands all records to librdkafka and waits for every delivery report. Meanwhile it calls offsets, which may be
// nil, and waits for it too.
func (s *session) produce(ctx context.Context, records []outbox.Record, offsets func() error) ([]outbox.Position,
	error) {
	reports := make(chan confluent.Event, len(records)) // never blocks librdkafka's thread
	var failure error
	positions := make([]outbox.Position, len(records))
	missing := 0 // delivery reports
	var scratch confluent.Message
	for i := range records {
		if failure = s.send(ctx, &records[i], &positions[i], &scratch, reports); failure != nil {
			break
		}
		missing++
	}
	var added chan error
	if failure == nil && offsets != nil {
		added = make(chan error, 1)
		go func() { added <- offsets() }()
	}
	var late <-chan time.Time
	for missing > 0 || added != nil {
		if missing == 0 && late == nil {
			// When a frozen coordinator of the group has moved, librdkafka may still wait for the old one, for ever.
			late = time.After(s.patience.wait() - shortestWait + time.Second)
		}
		select {
		case event := <-reports:
			missing--
			message, ok := event.(*confluent.Message)
			if !ok {
				continue
			}
			if err := message.TopicPartition.Error; err != nil {
				before := failure
				failure = worse(failure, deliveryFailure(err))
				if isRejected(failure) && !isRejected(before) {
					// Later messages of its partition are refused as out of order, and tried again for 9 s.
					s.purge()
				}
				continue
			}
			if message.TopicPartition.Offset < 0 {
				failure = worse(failure, errNoOffset)
			}
			if position, ok := message.Opaque.(*outbox.Position); ok {
				*position = outbox.Position{Partition: message.TopicPartition.Partition,
					Offset: int64(message.TopicPartition.Offset)}
			}
		case err := <-added:
			added = nil
			if err != nil {
				// The cause is a refused message or an outage. The reports tell which, without waiting for what is in
				// flight.
				failure = worse(err, failure)
				s.purge()
			}
		case <-late:
			return nil, fmt.Errorf("add the watermark to a Kafka transaction: %w", context.DeadlineExceeded)
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for delivery reports: %w", ctx.Err())
		}
	}
	return positions, failure
}

// errNoOffset makes the outcome of a batch unknown. The broker took a record for one that it had, and may not have it:
// it accepts any first sequence number in a new partition. If it refuses a producer's first records there because it is
// not its leader yet, and then accepts the next ones, the first ones count as repeated when they come again.
var errNoOffset = errors.New("the broker took a message for a repeated one, so it may not have it")

// purge drops the records that are queued or in flight. Their reports follow at once.
func (s *session) purge() {
	_ = s.producer.Purge(confluent.PurgeQueue | confluent.PurgeInFlight | confluent.PurgeNonBlocking)
}

// send hands one record to librdkafka, which copies it. Its report has position as opaque. It uses the memory of
// message.
func (s *session) send(ctx context.Context, r *outbox.Record, position *outbox.Position, message *confluent.Message,
	reports chan confluent.Event) error {
	headers := message.Headers[:0]
	for _, h := range r.Headers {
		headers = append(headers, confluent.Header(h))
	}
	*message = confluent.Message{
		TopicPartition: confluent.TopicPartition{Topic: &s.name, Partition: r.Partition},
		Key:            r.Key, Value: r.Value, Headers: headers, Timestamp: r.Time, Opaque: position,
	}
	for {
		err := s.producer.Produce(message, reports)
		var kafkaErr confluent.Error
		if errors.As(err, &kafkaErr) && kafkaErr.Code() == confluent.ErrQueueFull {
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
	var kafkaErr confluent.Error
	if errors.As(err, &kafkaErr) {
		if class := ownFault(kafkaErr.Code()); class != "" {
			return &outbox.RejectedError{Class: class, Err: err}
		}
	}
	return fmt.Errorf("deliver a message: %w", err)
}

// worse returns the failure that explains the batch. One message's own fault makes librdkafka fail its neighbours too.
func worse(a, b error) error {
	if b != nil && (a == nil || isRejected(b)) {
		return b
	}
	return a
}

func isRejected(err error) bool {
	_, ok := errors.AsType[*outbox.RejectedError](err)
	return ok
}

// Close implements outbox.Session. It drops an unfinished transaction, which the next session aborts.
func (s *session) Close() {
	s.closing.Do(func() {
		s.unwatch()
		closeInTime(s.logger, "producer", func() {
			s.watching.Wait()
			s.purge()
			s.calls.Wait()
			s.admin.Close()
			s.producer.Close()
			s.events.Wait()
			if s.watermarkClient != nil {
				_ = s.watermarkClient.Close()
			}
			s.asking.Wait()
			s.logs.stop()
		})
	})
}

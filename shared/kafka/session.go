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
	"ordertally/shared/kafka/bulk"
	"ordertally/shared/outbox"
)

// session is one transactional producer.
type session struct {
	producer        *confluent.Producer
	sink            *bulk.Topic // of the topic
	admin           *confluent.AdminClient
	groupMeta       *confluent.ConsumerGroupMetadata
	patience        *patience
	logs            *logPump
	logger          zerolog.Logger
	transactional   bool
	watermarkClient *bulkConsumer // sets the watermark if there are no transactions; else nil
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

	reports  atomic.Pointer[deliveries] // of the batch that is being sent, or nil
	ended    time.Time                  // of the last transaction; zero without transactions
	outage   atomic.Bool                // opening it or a Publish failed, and Close does not wait
	broke    chan struct{}              // closed when the topic may have changed
	breaking sync.Once
	denied   context.Context //nolint:containedctx // ends, with the cause, when a broker refuses the login
	deny     context.CancelCauseFunc
	events   sync.WaitGroup
	asking   sync.WaitGroup // clients that are being closed
	calls    sync.WaitGroup // calls of the producer, maybe given up
	unwatch  context.CancelFunc
	watching sync.WaitGroup
	closing  sync.Once
}

// watchEvents reads the event channel, passes on delivery reports and notes errors. One broker that is away is no
// reason to check the topic again, because other brokers have the acknowledged records.
func (s *session) watchEvents() {
	s.events.Go(func() {
		for event := range s.producer.Events() {
			switch event := event.(type) {
			case *confluent.Message:
				if reports := s.reports.Load(); reports != nil {
					reports.report(event)
				}
			case confluent.Error:
				s.failed(event)
			}
		}
	})
}

func (s *session) failed(err confluent.Error) {
	s.logs.broken.note(err.Error())
	if denied(err) {
		s.deny(err)
	}
	if err.Code() == confluent.ErrAllBrokersDown {
		s.trouble()
	}
	s.logger.Debug().Str("code", err.Code().String()).Bool("fatal", err.IsFatal()).Msg(err.Error())
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
	if err := ctx.Err(); err != nil {
		return err
	}
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
		s.outage.Store(true)
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
	ctx, giveUp := context.WithCancel(ctx)
	defer giveUp()
	var broke atomic.Pointer[string] // what happened first
	s.logs.broken.on(func(what string) {
		broke.CompareAndSwap(nil, &what)
		giveUp()
	})
	positions, err := s.transact(ctx, records, watermark)
	// librdkafka repeats a commit whose answer was lost. The first one may still arrive later and end the next
	// transaction, because librdkafka lacks KIP-890. So after a break even a success counts as unknown (rule P6).
	if what := broke.Load(); what != nil && (err == nil || errors.Is(err, context.Canceled)) {
		err := fmt.Errorf("%w: %s", errBroke, *what)
		if s.producer.GetFatalError() != nil {
			return nil, outage(s.cause(err))
		}
		return nil, &outbox.OutageError{Class: outbox.Unavailable, Err: err}
	}
	if err == nil {
		s.ended = time.Now()
	}
	return positions, err
}

// errBroke ends a transaction at once. Its outcome counts as unknown from then on, so nothing is gained by waiting: a
// broker that is silent would hold up one request after the other.
var errBroke = errors.New("a connection broke during a transaction, whose outcome has to be read back")

// transact publishes in a transaction.
func (s *session) transact(ctx context.Context, records []outbox.Record, watermark outbox.Watermark) ([]outbox.Position,
	error) {
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
	reports := newDeliveries(records)
	s.reports.Store(reports)
	defer s.reports.Store(nil)
	if taken, err := s.hand(ctx, records); err != nil {
		reports.notTaken(taken, err)
		offsets = nil
	}
	var added chan error
	if offsets != nil {
		added = make(chan error, 1)
		s.calls.Go(func() { added <- offsets() })
	}
	var failure error // of offsets
	var late <-chan time.Time
	purged := false
	for {
		missing, undelivered := reports.state()
		if isRejected(undelivered) && !purged {
			// Later messages of its partition are refused as out of order, and tried again for 9 s.
			purged = true
			s.purge()
		}
		if missing == 0 && added == nil {
			return reports.positions, worse(failure, undelivered)
		}
		if missing == 0 && late == nil {
			// When a frozen coordinator of the group has moved, librdkafka may still wait for the old one, for ever.
			late = time.After(s.patience.wait() - shortestWait + time.Second)
		}
		select {
		case <-reports.changed:
		case failure = <-added:
			added = nil
			if failure != nil {
				// The cause is a refused message or an outage. The reports tell which, without waiting for what is in
				// flight.
				s.purge()
			}
		case <-late:
			return nil, fmt.Errorf("add the watermark to a Kafka transaction: %w", context.DeadlineExceeded)
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for delivery reports: %w", ctx.Err())
		}
	}
}

// purge drops the records that are queued or in flight. Their reports follow at once.
func (s *session) purge() {
	_ = s.producer.Purge(confluent.PurgeQueue | confluent.PurgeInFlight | confluent.PurgeNonBlocking)
}

// hand gives records to librdkafka, which copies them. After an error, taken says how many it has.
func (s *session) hand(ctx context.Context, records []outbox.Record) (taken int, err error) {
	for {
		n, err := s.sink.Produce(records[taken:])
		taken += n
		code, ok := errors.AsType[confluent.Error](err)
		switch {
		case err == nil:
			return taken, nil
		case !ok || code.Code() != confluent.ErrQueueFull:
			return taken, deliveryFailure(err)
		}
		if err := pause(ctx, time.Millisecond); err != nil {
			return taken, fmt.Errorf("hand a message to librdkafka: %w", err)
		}
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

// Close implements outbox.Session. It drops an unfinished transaction, which the next session aborts. After an outage
// it does not wait for the client: a broker that does not answer would hold up the next session, which fences this one.
func (s *session) Close() {
	s.closing.Do(func() {
		s.unwatch()
		if s.transactional && s.outage.Load() {
			s.purge()
			go closeInTime(s.logger, "producer", s.closeClients)
			return
		}
		closeInTime(s.logger, "producer", s.closeClients)
	})
}

func (s *session) closeClients() {
	s.watching.Wait()
	s.purge()
	s.calls.Wait()
	s.admin.Close()
	s.sink.Close()
	s.producer.Close()
	s.events.Wait()
	if s.watermarkClient != nil {
		_ = s.watermarkClient.Close()
	}
	s.asking.Wait()
	s.logs.stop()
}

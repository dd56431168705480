package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/boltdb"
	"ordertally/shared/service/lifecycle"
)

// Relay publishes what an Outbox holds, in slot order.
type Relay struct {
	sender
	publisher Publisher
	config    RelayConfig

	// What follows belongs to Run's goroutine.
	narrow  bool      // the log has fewer partitions than messages go to
	checked time.Time // when the publisher was last seen to have what was published
	step    time.Time // when the present step began; an outage would begin then
	gather  time.Time // under load no transaction begins before

	ahead    *outgoing     // what follows the batch in flight, or nil
	again    *republishing // what is published once more, or nil
	againDue time.Time     // no transaction for it before
}

// NewRelay returns a relay from o to p. An outbox may have only one running relay.
func NewRelay(o *Outbox, p Publisher, config RelayConfig, metrics *Metrics, logger zerolog.Logger) *Relay {
	config.setDefaults()
	note := func() string { return "" }
	if config.Recovery != nil {
		note = config.Recovery.Note
	}
	return &Relay{publisher: p, config: config, sender: sender{
		retries: retries{outbox: o, logger: logger, metrics: metrics, maxAttempts: config.MaxAttempts,
			retry: config.Retry},
		recorder: newRecorder(o, logger), note: note, batchMessages: config.BatchMessages,
		batchBytes: config.BatchBytes, publishTimeout: config.PublishTimeout, batchCap: config.BatchMessages,
	}}
}

// Run publishes until ctx ends. It then lets the current transaction end and returns nil. It waits for outages to end,
// however long they last. Any other error comes from the database, and the service cannot go on. After a panic, or a
// *lifecycle.PanicError, Run may be called again.
func (r *Relay) Run(ctx context.Context) (err error) {
	ctx, broken := context.WithCancelCause(ctx)
	defer broken(nil)
	stopRecorder := r.recorder.start(ctx, broken)
	defer stopRecorder()
	defer r.watchdog.Rest()
	defer func() { r.lastLink(err) }()
	defer r.outbox.held.Store(nil)
	outages := 0
	rejected := false
	for ctx.Err() == nil {
		r.watchdog.Step()
		r.step = r.outbox.config.Clock.Now()
		if !rejected { // otherwise the link is up: the publisher refused a message
			r.outbox.connecting()
		}
		progressed, err := r.session(ctx)
		rejected = errors.Is(err, errRejected)
		if ctx.Err() != nil && (err == nil || errors.Is(err, ctx.Err())) {
			break
		}
		if fatal := (*fatalError)(nil); errors.As(err, &fatal) {
			return fatal.err
		}
		if progressed {
			outages = 0
		}
		if rejected || errors.Is(err, ErrForked) {
			continue
		}
		r.outbox.sight.Store(nil) // nothing expires until a look has seen it again
		if errors.Is(err, ErrChanged) {
			r.logger.Info().Err(err).Msg("checking the log again")
			continue
		}
		r.metrics.failed(classOf(err))
		if outages == 0 {
			r.logger.Warn().Err(err).Int("backlog",
				r.outbox.Backlog()).Msg("cannot publish: messages stay in the outbox until the publisher is back")
		}
		outages++
		r.outbox.down(r.step, err)
		r.watchdog.Rest()
		sleep(ctx, r.config.Outage.wait(outages))
	}
	if p, ok := errors.AsType[*lifecycle.PanicError](context.Cause(ctx)); ok {
		return p // of the recorder
	}
	return nil
}

func (r *Relay) lastLink(err error) {
	if errors.Is(err, ErrFenced) {
		r.outbox.setLink(LinkFenced, err)
		return
	}
	r.outbox.setLink(LinkIdle, err)
}

// Note describes the connection to the publisher in one line.
func (r *Relay) Note() string {
	link := r.outbox.link.Load()
	text := fmt.Sprintf("%s since %s, backlog %d", link.State, link.Since.Format(time.RFC3339), r.outbox.Backlog())
	if held := r.outbox.held.Load(); held != nil {
		text += ": " + held.Text
	}
	if link.Error != "" {
		text += ": " + link.Error
	}
	return text
}

// Check reports a relay that has been in one step for longer than StallAfter. A relay that has nothing to do is not
// stalled. Neither is one that waits between two attempts to reach the publisher.
func (r *Relay) Check(ctx context.Context) error {
	return r.watchdog.Check("relay", r.config.StallAfter)(ctx)
}

// CheckRetention reports whether the work behind the relay is stalled: recording what was published, and deleting what
// has expired. One step of it may take as long as a step of the relay.
func (r *Relay) CheckRetention(ctx context.Context) error {
	return r.recorder.watchdog.Check("outbox retention", r.config.StallAfter)(ctx)
}

// session publishes until something fails. progressed reports whether anything was published.
func (r *Relay) session(ctx context.Context) (progressed bool, err error) {
	session, err := r.open(ctx)
	if err != nil {
		return false, err
	}
	defer session.Close()
	if err := r.agree(ctx, session); err != nil {
		return false, err
	}
	r.recheck, r.ahead, r.gather = true, nil, time.Time{}
	if r.outbox.link.Load().State != LinkDown {
		r.up()
	}
	for ctx.Err() == nil {
		r.watchdog.Step()
		r.step = r.outbox.config.Clock.Now()
		if err := r.release(ctx); err != nil {
			return progressed, Fatal(err)
		}
		if err := r.check(ctx, session); err != nil {
			return progressed, err
		}
		if !r.linger(ctx) || !r.pace(ctx, session) {
			return progressed, nil
		}
		newest := r.outbox.queue.lastSlot()
		out, err := r.next(ctx)
		if err != nil {
			return progressed, Fatal(err)
		}
		live := out.to != out.from
		if live {
			var meanwhile func()
			if out.to < newest && !r.lingers(out.to) {
				meanwhile = func() { r.prepare(ctx, out) }
			}
			began := time.Now()
			if err := r.publish(ctx, session, out, meanwhile); err != nil {
				return progressed, err
			}
			progressed = true
			r.gather = r.gathers(out, began, time.Now())
		}
		if out.to < newest { // a backlog: what is published once more waits
			continue
		}
		again, err := r.republish(ctx, session)
		if err != nil {
			return progressed, err
		}
		progressed = progressed || again
		if live || again {
			continue
		}
		r.up()
		if err := r.await(ctx, session); err != nil {
			return progressed, err
		}
	}
	return progressed, nil
}

// next returns the batch after the position: what was prepared, and what came since then. It leaves out messages that
// must wait. A batch was prepared in vain if the one before it was not published after all.
func (r *Relay) next(ctx context.Context) (*outgoing, error) {
	position := r.outbox.position.Load()
	out := r.ahead
	r.ahead = nil
	if out == nil || out.from != position {
		out = &outgoing{from: position, to: position, previous: r.previous, last: map[int32]uint64{}}
		if err := r.fill(ctx, out); err != nil {
			return nil, err
		}
	} else if n, bytes, more := out.room(r.batchCap, r.config.BatchBytes); more {
		rows, _ := r.outbox.queue.take(out.to, n, bytes)
		if len(rows) > 0 {
			out.add(rows, rows[len(rows)-1].slot)
		}
	}
	found := len(out.rows)
	var err error
	if out.rows, err = r.hold(ctx, out.rows); err != nil {
		return nil, err
	}
	if len(out.rows) < found { // other messages precede those behind
		out.records, out.previous, out.last = nil, r.previous, map[int32]uint64{}
	}
	r.encode(out)
	return out, nil
}

// prepare prepares the batch after out while out is being published, if there is one. It changes nothing but memory, so
// the result can be dropped (rules P2 and P6): whoever takes it decides which messages wait, and whether out was
// published.
func (r *Relay) prepare(ctx context.Context, out *outgoing) {
	ahead := out.after()
	if err := r.fill(ctx, ahead); err != nil {
		return // the next to read it meets the same error
	}
	r.encode(ahead)
	r.ahead = ahead
}

// fill adds the messages after out.to from memory, or else from the database, within the limits of a batch.
func (r *Relay) fill(ctx context.Context, out *outgoing) error {
	rows, first := r.outbox.queue.take(out.to, r.batchCap, r.config.BatchBytes)
	if len(rows) > 0 {
		out.add(rows, rows[len(rows)-1].slot)
		return nil
	}
	if out.to >= r.outbox.queue.lastSlot() {
		return nil
	}
	rows, to, err := r.outbox.read(ctx, out.to, first, r.batchCap, r.config.BatchBytes)
	if err != nil {
		return err
	}
	out.add(rows, to)
	return nil
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

// seePartitions checks that the log has the partitions that messages go to. If the log was recreated with fewer, the
// relay waits for more. Otherwise it could neither keep the order of keys, nor send a message again to its partition.
func (r *Relay) seePartitions(ctx context.Context, session Session) error {
	inLog := session.Partitions()
	if err := r.outbox.countPartitions(ctx, inLog); err != nil {
		return Fatal(err)
	}
	needed := r.outbox.Partitions()
	if inLog >= needed {
		r.narrow = false
		return nil
	}
	text := fmt.Sprintf("the log has %d partitions, and this file publishes to %d: nothing is published until "+
		"partitions are added to the log so that it has %d", inLog, needed, needed)
	if !r.narrow {
		history := r.outbox.History()
		i := history.Incident(IncidentPartitionsMissing, history.Published(), 0, "%s", text)
		if err := r.outbox.db.Write(ctx, func(tx *boltdb.Tx) error { return history.Keep(tx, i) }); err != nil {
			return Fatal(err)
		}
		r.report(&i)
		r.narrow = true
	}
	return &OutageError{Class: Other, Err: errors.New(text)}
}

func (r *Relay) open(ctx context.Context) (Session, error) {
	ctx, cancel := context.WithTimeout(ctx, r.config.OpenTimeout)
	defer cancel()
	id := r.outbox.id.Load()
	return r.publisher.Open(ctx, Identity{Lineage: id.lineage, MayCreate: r.outbox.position.Load() == id.base})
}

// watermarkEvery is how often the watermark is set if nothing is published. A publisher may forget it after a week
// (rule P5).
const watermarkEvery = 24 * time.Hour

// check does the periodic work. It checks that the publisher still has what was published, and sets the watermark
// again.
func (r *Relay) check(ctx context.Context, session Session) error {
	select {
	case <-disconnected(session):
		return r.disconnected()
	default:
	}
	if r.untilLook() > 0 {
		return nil
	}
	if err := r.look(ctx, session); err != nil {
		return err
	}
	if time.Since(r.announced) < watermarkEvery {
		return nil
	}
	_, err := r.transact(ctx, session, nil, r.outbox.position.Load(), nil)
	return err
}

// disconnected returns a channel that is closed when the session's log may have changed.
func disconnected(session Session) <-chan struct{} {
	if log, ok := session.(Log); ok {
		return log.Disconnected()
	}
	return nil
}

func (r *Relay) disconnected() error {
	r.logger.Info().Msg("disconnected from the publisher, or its log was recreated")
	return ErrChanged
}

// linger waits for more messages while fewer are in memory than one transaction takes. It returns false if ctx ended
// meanwhile.
func (r *Relay) linger(ctx context.Context) bool {
	position := r.outbox.position.Load()
	if !r.lingers(position) {
		return true
	}
	r.watchdog.Rest()
	defer r.watchdog.Step()
	timer := time.NewTimer(r.config.Linger)
	defer timer.Stop()
	for r.lingers(position) {
		select {
		case <-r.outbox.queue.wake:
		case <-timer.C:
			return true
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// pace waits until the next transaction should begin, if there are messages for one. It returns false if ctx ended
// meanwhile.
func (r *Relay) pace(ctx context.Context, session Session) bool {
	if r.outbox.queue.lastSlot() == r.outbox.position.Load() {
		return true
	}
	begin := r.gather
	if paced, ok := session.(Paced); ok && paced.NotBefore().After(begin) {
		begin = paced.NotBefore()
	}
	sleep(ctx, time.Until(begin))
	return ctx.Err() == nil
}

// longestGather limits how long messages gather for a transaction.
const longestGather = 8 * time.Millisecond

// gathers returns when the transaction after out should begin. If messages came while out was published, more will
// come. They gather for as long as that took, because a transaction costs the publisher much the same whether it has
// few messages or many. So a busy machine makes fewer transactions, and an idle one quick ones.
//
// The result is zero, for at once, if none came, if there is a backlog, or if somebody waits for a message to be
// published.
func (r *Relay) gathers(out *outgoing, began, ended time.Time) time.Time {
	waiting := r.outbox.queue.lastSlot() - out.to
	full := len(out.rows) >= r.batchCap/2 || out.bytes >= r.batchBytes/2
	if waiting == 0 || full || r.config.Linger > 0 || r.outbox.Awaiting() > 0 {
		return time.Time{}
	}
	return ended.Add(min(ended.Sub(began), longestGather))
}

// lingers reports whether the transaction after position waits for more messages: it has some, and room for more. Those
// that were prepared are not in the queue any more, and do not wait.
func (r *Relay) lingers(position uint64) bool {
	if r.config.Linger <= 0 {
		return false
	}
	q := r.outbox.queue
	rows, bytes := q.following(position)
	return rows > 0 && rows < min(r.batchCap, q.maxRows) && bytes < min(r.config.BatchBytes, q.maxBytes)
}

// await waits for a commit, a due message, a republication, the time of the next check, a disconnection, or the end.
func (r *Relay) await(ctx context.Context, session Session) error {
	r.watchdog.Rest()
	wait := r.untilLook()
	if !r.nextDue.IsZero() {
		wait = min(wait, r.nextDue.Sub(r.outbox.config.Clock.Now()))
	}
	republishing := r.outbox.republishing
	if r.again != nil {
		wait, republishing = min(wait, time.Until(r.againDue)), nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-r.outbox.queue.wake:
	case <-timer.C:
	case r.again = <-republishing:
	case <-disconnected(session):
		return r.disconnected()
	case <-ctx.Done():
	}
	return nil
}

// agree reconciles file and publisher before the session publishes.
func (r *Relay) agree(ctx context.Context, session Session) error {
	if err := r.recorder.flush(ctx); err != nil {
		return err
	}
	if err := r.seePartitions(ctx, session); err != nil {
		return err
	}
	if err := r.reload(ctx); err != nil {
		return err
	}
	began := r.sighting()
	c := &Connection{session, &r.sender}
	reconcile := func() error { return c.Believe(ctx) }
	if r.config.Recovery != nil {
		reconcile = func() error { return r.config.Recovery.Reconcile(ctx, c) }
	}
	if err := reconcile(); err != nil {
		return err
	}
	if err := r.reload(ctx); err != nil {
		return err
	}
	r.held(nil)
	r.checked = time.Now()
	began.slot = r.outbox.position.Load()
	r.outbox.awaited.commit(began.slot) // what the log had lost is published again
	r.seen(began)
	return nil
}

func (r *Relay) sighting() sighting {
	return sighting{r.outbox.config.Clock.Now(), time.Now(), r.outbox.position.Load()}
}

// untilLook returns how long the next look can be put off.
func (r *Relay) untilLook() time.Duration {
	every := r.config.CheckEvery
	if r.outbox.wanted.Load() {
		every = min(every, lookPause)
	}
	return every - time.Since(r.checked)
}

// look checks that the publisher still has what was published.
func (r *Relay) look(ctx context.Context, session Session) error {
	began := r.sighting()
	if r.config.Recovery != nil {
		if err := r.config.Recovery.Check(ctx, &Connection{session, &r.sender}); err != nil {
			return err
		}
	}
	r.checked = began.elapsed
	r.seen(began)
	return nil
}

// seen records that a look confirmed what was published.
func (r *Relay) seen(began sighting) {
	r.outbox.sight.Store(&began)
	if r.outbox.wanted.Swap(false) {
		r.recorder.nudge()
	}
}

package orderapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/semaphore"

	"ordertally/order"
	"ordertally/order/ack"
	"ordertally/order/admission"
	"ordertally/shared/service/lifecycle"
	"ordertally/shared/service/metric"
	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

const (
	typeNDJSON = "application/x-ndjson"

	maxBatchLines = 10_000
	maxBatchBytes = 64 << 20

	// A batch has so many lines and bytes under way at once: read and not answered yet. One longer line is under way
	// alone.
	windowLines = 256
	windowBytes = order.MaxBody
	// chunk is about how many bytes of answers are written at once.
	chunk = 32 << 10
)

// batchLine is a line on its way from the request to its answer.
type batchLine struct {
	number    int   // in the body, from 1
	bytes     int64 // that it takes of the window
	pass      admission.Pass
	placement order.Placement
	placed    order.Placed

	storedAt   time.Time
	durability ack.Durability
	err        error // why it is refused
	last       bool  // err ended the batch at this line: it takes nothing of the window
}

// batch is one request for many orders.
//
//	lines ── readLines ── place ── acknowledge ── answer
//
// Each stage is a goroutine, and lines stay in their order. The store gets all lines that were read while it was busy
// at once, in their order. So a line sees what those before it placed.
type batch struct {
	*api
	r        *http.Request
	duplex   *web.Duplex
	text     lineReader
	admitted *admission.Batch
	from     order.Origin
	asked    bool // durability=kafka is preferred
	minimal  bool // return=minimal is preferred

	read, stored, acked chan *batchLine     // have room for all lines under way
	underWay            chan struct{}       // bounds them
	room                *semaphore.Weighted // bounds their bytes
	gone                bool                // the client, while it was sending
}

// placeBatch places many orders. It answers while the request is still read, a line for each line.
func (a *api) placeBatch(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.Parameters(r); err != nil {
		return err
	}
	if r.Header.Get(headerKey) != "" {
		return invalidKey("is for one order: give each line of a batch its own idempotency_key")
	}
	duplex, err := web.OpenDuplex(w, r, typeNDJSON, maxBatchBytes)
	if err != nil {
		return err
	}
	defer duplex.Close()
	admitted, err := a.Gate.Batch(web.Client(r), windowBytes)
	if err != nil {
		return err
	}
	defer admitted.Leave()
	b := &batch{
		api: a, r: r, duplex: duplex, text: newLineReader(duplex, order.MaxBody), admitted: admitted, from: origin(r),
		asked:   preferred(r.Header.Values(headerPrefer), preferDurability) == string(ack.Kafka),
		minimal: preferred(r.Header.Values(headerPrefer), preferReturn) == minimal,
		read:    make(chan *batchLine, windowLines+1), stored: make(chan *batchLine, windowLines+1),
		acked: make(chan *batchLine, windowLines+1), underWay: make(chan struct{}, windowLines),
		room: semaphore.NewWeighted(windowBytes),
	}
	first, long, err := b.text.next()
	if err = b.begins(first, long, err); err != nil {
		w.Header().Set("Connection", "close")
		return err
	}
	header := w.Header()
	header.Set("Content-Type", typeNDJSON)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	switch {
	case b.asked && b.minimal:
		header.Set(headerApplied, appliedBoth)
	case b.asked:
		header.Set(headerApplied, appliedKafka)
	case b.minimal:
		header.Set(headerApplied, appliedMinimal)
	}
	if !b.run(first, long) {
		panic(http.ErrAbortHandler) // the client takes no more answers, and must not take the last one for the end
	}
	return nil
}

// begins returns the problem of a body that is no batch, judged by its first line.
func (b *batch) begins(first []byte, long bool, err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return problem.KindMalformedJSON.New("The body has no line. Send an order on each line.")
	case err != nil:
		return err
	case !long && firstOf(first) != '{':
		_, _ = io.Copy(io.Discard, b.duplex) // a client that is still sending does not read the answer
		return problem.KindMalformedJSON.New(
			"The body does not begin with a JSON object. Send an order on each line: " +
				"no array around them, and no line break within one.")
	}
	return nil
}

// run places the lines. It reports whether the whole answer was written.
func (b *batch) run(first []byte, long bool) (written bool) {
	ctx, stop := context.WithCancel(b.duplex.Context()) // ends the reading
	defer stop()
	// What was read is placed, whatever happens to the client.
	placing := context.WithoutCancel(ctx)
	var stages sync.WaitGroup
	var failed [3]error
	stage := func(i int, out chan *batchLine, run func()) {
		stages.Go(func() {
			defer close(out)
			failed[i] = lifecycle.Guard(placing, func(context.Context) error { run(); return nil })
		})
	}
	stage(0, b.read, func() { b.readLines(ctx, first, long) })
	stage(1, b.stored, func() { b.place(placing) })
	stage(2, b.acked, func() { b.acknowledge(placing) })
	err := b.answer(stop)
	stop()
	stages.Wait()
	for l := range b.read { // what a panic left
		l.pass.Placed()
	}
	for _, panicked := range failed {
		if panicked != nil {
			panic(panicked)
		}
	}
	return err == nil && !b.gone
}

// readLines reads the lines until the body or ctx ends. The first one has been read.
func (b *batch) readLines(ctx context.Context, text []byte, long bool) {
	var err error
	for count := 1; ; count++ {
		if count > 1 {
			text, long, err = b.text.next()
		}
		if err == nil && count > maxBatchLines {
			err = kindTooManyLines.New("A batch has 10000 lines at most. No line from this one on was placed.")
		}
		l := &batchLine{number: b.text.number, bytes: min(int64(len(text)), windowBytes)}
		if err == nil {
			if !b.enter(ctx, l) {
				err = web.ErrStopping
			} else if l.err = b.prepare(ctx, l, text, long, count > 1); l.err != nil && ctx.Err() != nil {
				err = web.ErrStopping
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return
		case errors.Is(err, web.ErrClientGone), err != nil && b.duplex.Context().Err() == nil && ctx.Err() != nil:
			b.gone = true
			return
		case err != nil:
			l.err, l.last = err, true
			b.read <- l
			return
		}
		b.read <- l
	}
}

// enter waits until one more line may be under way. It reports false if ctx ends first.
func (b *batch) enter(ctx context.Context, l *batchLine) bool {
	if b.room.Acquire(ctx, l.bytes) != nil {
		return false
	}
	select {
	case b.underWay <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// prepare decides whether a line may be placed. again says that it counts as a request of its own.
func (b *batch) prepare(ctx context.Context, l *batchLine, text []byte, long, again bool) (err error) {
	if long {
		return problem.KindBodyTooLarge.New("The line is longer than " + strconv.Itoa(order.MaxBody) + " bytes.")
	}
	if again {
		if err := b.Limiter.Again(b.r); err != nil {
			return err
		}
	}
	if l.pass, err = b.admitted.Enter(ctx, len(text)); err != nil {
		return err
	}
	if l.placement, err = b.Orders.ReadLine(bytes.Clone(text), b.from); err != nil {
		l.pass.Placed()
	}
	return err
}

// place stores the lines. It takes all that were read meanwhile at once.
func (b *batch) place(ctx context.Context) {
	var group []*batchLine
	for l := range b.read {
		group = append(group[:0], l)
		for more := true; more && len(group) < windowLines; {
			select {
			case l, more = <-b.read:
				if more {
					group = append(group, l)
				}
			default:
				more = false
			}
		}
		b.placeAll(ctx, group)
		for _, l := range group {
			b.stored <- l
		}
	}
}

func (b *batch) placeAll(ctx context.Context, group []*batchLine) {
	placements := make([]order.Placement, 0, len(group))
	for _, l := range group {
		if l.err == nil {
			placements = append(placements, l.placement)
		}
		defer l.pass.Placed() // also after a panic
	}
	if len(placements) == 0 {
		return
	}
	outcomes := b.Orders.PlaceAll(ctx, placements)
	now, next := time.Now(), 0
	for _, l := range group {
		if l.err != nil {
			continue
		}
		l.placed, l.err, l.storedAt = outcomes[next].Placed, notPlaced(outcomes[next].Err), now
		l.placement = order.Placement{}
		next++
	}
}

// acknowledge waits until the answers may leave.
func (b *batch) acknowledge(ctx context.Context) {
	for l := range b.stored {
		if l.err == nil {
			l.durability, l.err = b.Acks.Wait(ctx, ack.Answer{
				Slot: l.placed.Slot, Published: l.placed.Publication.State == order.Published,
				Repeatable: l.placed.Repeatable, Asked: b.asked, Stored: l.storedAt,
			})
			if l.err != nil {
				l.err = afterwards(l.err, l.placed.ID)
			}
		}
		b.acked <- l
	}
}

// answer writes the answers. When the client takes no more, it calls stop and lets the others go.
func (b *batch) answer(stop func()) (err error) {
	var text []byte
	for l, more := <-b.acked, true; more; {
		text = b.appendAnswer(text, l)
		if !l.last {
			b.room.Release(l.bytes)
			<-b.underWay
		}
		waits := false
		select {
		case l, more = <-b.acked:
		default:
			waits = true
		}
		if waits || !more || len(text) >= chunk {
			if err == nil {
				if _, err = b.duplex.Write(text); err != nil {
					stop()
				}
			}
			text = text[:0]
		}
		if waits {
			l, more = <-b.acked
		}
	}
	return err
}

// appendAnswer appends the answer to one line. CONTRACT: clients rely on the names.
func (b *batch) appendAnswer(text []byte, l *batchLine) []byte {
	if l.err != nil {
		p := b.fail(b.r, l.err)
		p.Detail = "Line " + strconv.Itoa(l.number) + ": " + p.Detail
		p = problem.Complete(p, b.r)
		b.lines.add(p.Status)
		line, err := json.Marshal(batchAnswer{Status: p.Status, Line: l.number, Problem: &p})
		if err != nil {
			panic(err) // strings and integers only
		}
		return append(append(text, line...), '\n')
	}
	b.lines.add(http.StatusCreated)
	if l.durability == ack.Kafka {
		l.placed.Publication = confirmed(l.placed.Publication)
	}
	text = append(text, `{"status":201,"line":`...)
	text = strconv.AppendInt(text, int64(l.number), 10)
	if b.minimal {
		text = append(text, `,"id":"`...)
		text = append(append(text, l.placed.ID.String()...), '"')
	} else {
		text = append(text, `,"order":`...)
		text = appendPlaced(text, &l.placed.Stored)
	}
	if l.placed.Replayed {
		text = append(text, `,"replayed":true`...)
	}
	text = append(text, `,"durability":"`...)
	text = append(text, l.durability...)
	return append(text, "\"}\n"...)
}

// batchAnswer is a line of the answer.
type batchAnswer struct {
	// What the order alone would have been answered with: 201, or the status of the problem.
	// Example: 201
	Status int `json:"status" minimum:"200" maximum:"599"`
	// The number of the line in the request's body, from 1. Blank lines are counted, and have no answer.
	// Example: 1
	Line int `json:"line" minimum:"1"`
	// The id of the order that was placed, if the request preferred return=minimal. Left out otherwise.
	ID string `json:"id,omitempty"`
	// The order as it was placed. Left out if the line was refused, or the request preferred return=minimal.
	Order *placedOrder `json:"order,omitempty"`
	// Whether an earlier request or line had placed the order. Left out otherwise.
	// Example: true
	Replayed bool `json:"replayed,omitzero"`
	// Where the order is known to be. Left out if the line was refused.
	Durability ack.Durability `json:"durability,omitempty"`
	// Why the line was refused. Left out if the order was placed.
	Problem *problem.Problem `json:"problem,omitempty"`
}

// lineCounters count the answered lines of batches, by status.
type lineCounters map[int]prometheus.Counter

// lineStatuses are the statuses that a line may have. Each has a series from the start.
func lineStatuses() []int {
	return []int{
		http.StatusCreated, http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
		http.StatusRequestTimeout, http.StatusConflict, http.StatusRequestEntityTooLarge,
		http.StatusUnprocessableEntity, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusServiceUnavailable,
	}
}

func newLineCounters(reg prometheus.Registerer) lineCounters {
	if reg == nil {
		reg = prometheus.NewRegistry()
	}
	var labels []string
	for _, status := range lineStatuses() {
		labels = append(labels, strconv.Itoa(status))
	}
	vec := metric.Counters(reg, "order_batch_lines_total", "Lines of batches that were answered, by status.", "status",
		labels)
	counters := lineCounters{}
	for i, status := range lineStatuses() {
		counters[status] = vec.WithLabelValues(labels[i])
	}
	return counters
}

func (c lineCounters) add(status int) { c[status].Inc() }

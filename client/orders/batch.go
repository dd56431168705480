package orders

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ordertally/client"
)

// MaxBatch is how many lines a batch may have.
const MaxBatch = 10_000

// BatchLine is an order of a batch.
type BatchLine struct {
	OrderDraft
	// IdempotencyKey is as in PlaceOrderParams.
	IdempotencyKey string `json:"idempotency_key,omitzero"`
}

// repeatable reports whether the line may be sent twice.
func (l *BatchLine) repeatable() bool {
	return l.IdempotencyKey != "" || l.Source != "" && l.Reference != ""
}

// BatchAnswer is the answer to one line: an order or a problem.
type BatchAnswer struct {
	// Status is the one that the order alone would have been answered with, 201 if it was placed.
	Status int `json:"status"`
	// Line is the number of the line in its request, from 1.
	Line int `json:"line"`
	// ID is the order's, if return=minimal was preferred. "" otherwise.
	ID string `json:"id"`
	// Order is what a PlacedOrder is made from, as the service wrote it. Nil if the line was refused, or return=minimal
	// was preferred.
	Order jsontext.Value `json:"order"`
	// Replayed says that an earlier request or line had placed the order.
	Replayed bool `json:"replayed"`
	// Durability says where the order is known to be.
	Durability string `json:"durability"`
	// Problem says why the line was refused. Nil if it was placed.
	Problem *client.Problem `json:"problem"`
}

// Placed returns the order. It fails if the line was refused, or return=minimal was preferred.
func (a *BatchAnswer) Placed() (placed PlacedOrder, err error) {
	if a.Problem != nil {
		return placed, *a.Problem
	}
	if a.Order == nil {
		return placed, errors.New("the answer has only the order's id, because return=minimal was preferred")
	}
	err = json.Unmarshal(a.Order, &placed)
	return placed, err
}

// PlaceBatchParams are the parameters of PlaceBatch.
type PlaceBatchParams struct {
	// Prefer is as in PlaceOrderParams, for all lines. With return=minimal the answers have ids instead of orders, and
	// that is less work for both sides.
	Prefer string
}

// PlaceBatch places orders with one request, MaxBatch at most. It calls answered with each line's index and answer as
// soon as the answer is there.
//
// Lines without an answer, and lines that were refused for now (a 429, a 503), are sent again as package client does
// with a request, if that is safe: they have a key, or a source and a reference. The error says why lines are without
// an answer. Then it is not known whether they were placed, unless the error is a [client.Problem].
func (c *Client) PlaceBatch(
	ctx context.Context, params PlaceBatchParams, lines []BatchLine, answered func(index int, a *BatchAnswer),
) error {
	if len(lines) > MaxBatch {
		return fmt.Errorf("place a batch: it has %d lines, at most %d are allowed", len(lines), MaxBatch)
	}
	left := make([]int, len(lines)) // indexes of the lines that have no answer for good
	for i := range left {
		left[i] = i
	}
	for attempts := c.Attempts(); len(left) > 0; {
		b := sending{client: c.Client, lines: lines, left: left, answered: answered}
		err := b.send(ctx, params)
		if left = b.unanswered(); len(left) == 0 {
			return nil
		}
		if b.settled > 0 {
			attempts.Progress()
		}
		if p, refused := errors.AsType[client.Problem](err); refused {
			if !client.MayPass(p.Status) {
				return err
			}
			b.wait = max(b.wait, p.RetryAfter)
		}
		if _, foreign := errors.AsType[*client.UnexpectedAnswer](err); foreign || b.lost {
			return err
		}
		if err := attempts.Again(ctx, err, b.wait); err != nil {
			return err
		}
	}
	return nil
}

// unchecked leaves out what is costly to look for and not to be expected of a service of ours.
var unchecked = json.JoinOptions(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))

// sending is one request of a batch.
type sending struct {
	client   *client.Client
	lines    []BatchLine
	left     []int // the indexes of those to send
	answered func(int, *BatchAnswer)

	done    int   // how many of left are sent again or have an answer
	again   []int // the indexes of those that were refused for now
	settled int   // how many have an answer for good
	lost    bool  // one without an answer may not be sent again
	wait    time.Duration
}

// send sends the lines and reads the answers. The error says why lines are left.
func (b *sending) send(ctx context.Context, params PlaceBatchParams) error {
	r := client.NewRequest(http.MethodPost, http.StatusOK, "/v1/orders:batch").Header("Prefer", params.Prefer)
	answer, err := b.client.Stream(ctx, r, &batchBody{lines: b.lines, left: b.left})
	if err != nil {
		return err
	}
	defer func() { _ = answer.Close() }()
	in := bufio.NewReaderSize(answer, 64<<10)
	why := fmt.Errorf("the answer of %s ended early", b.client.URL())
	for {
		line, err := readLine(in)
		if errors.Is(err, io.EOF) {
			return why
		}
		if err != nil {
			return fmt.Errorf("read the answer of %s: %w", b.client.URL(), err)
		}
		var a BatchAnswer
		if err := json.Unmarshal(line, &a, unchecked); err != nil {
			return fmt.Errorf("the answer of %s has a line that is none: %w", b.client.URL(), err)
		}
		if a.Line != b.done+1 || a.Line > len(b.left) || (a.Problem == nil) != (a.Status == http.StatusCreated) ||
			a.Problem == nil && a.Order == nil && a.ID == "" {
			return fmt.Errorf("the answer of %s has the line %.200s: is it the order service's?", b.client.URL(), line)
		}
		b.done++
		if p := a.Problem; p != nil {
			p.RetryAfter = time.Duration(p.RetrySeconds) * time.Second
			if index := b.left[a.Line-1]; client.MayPass(a.Status) && b.lines[index].repeatable() {
				b.again = append(b.again, index)
				b.wait = max(b.wait, p.RetryAfter)
				why = *p
				continue
			}
		}
		b.settled++
		b.answered(b.left[a.Line-1], &a)
	}
}

// unanswered returns the indexes of the lines without an answer for good.
func (b *sending) unanswered() []int {
	for _, index := range b.left[b.done:] {
		b.lost = b.lost || !b.lines[index].repeatable()
	}
	return append(b.again, b.left[b.done:]...)
}

// readLine returns a line, valid until the next call. A line that is cut short is io.ErrUnexpectedEOF.
func readLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		var rest []byte
		line = bytes.Clone(line)
		rest, err = in.ReadBytes('\n')
		line = append(line, rest...)
	}
	if errors.Is(err, io.EOF) && len(line) > 0 {
		err = io.ErrUnexpectedEOF
	}
	return line, err
}

// batchBody is a body that is made while it is sent.
type batchBody struct {
	lines []BatchLine
	left  []int
	made  []byte // and not read
	room  []byte // made, from its beginning
}

// madeAtOnce is about how many bytes are made at once.
const madeAtOnce = 16 << 10

// Read implements io.Reader.
func (b *batchBody) Read(p []byte) (int, error) {
	if len(b.made) == 0 {
		b.room = b.room[:0]
		for len(b.left) > 0 && len(b.room) < madeAtOnce {
			var err error
			if b.room, err = b.lines[b.left[0]].append(b.room); err != nil {
				return 0, err
			}
			b.room = append(b.room, '\n')
			b.left = b.left[1:]
		}
		if b.made = b.room; len(b.made) == 0 {
			return 0, io.EOF
		}
	}
	n := copy(p, b.made)
	b.made = b.made[n:]
	return n, nil
}

// append appends the line as package json would, with less work.
func (l *BatchLine) append(to []byte) (_ []byte, err error) {
	if year := l.PlacedAt.Year(); year < 0 || year > 9999 {
		return nil, fmt.Errorf("the year %d of an order cannot be sent", year)
	}
	text := func(name, value string) {
		to = append(to, name...)
		if err == nil {
			to, err = jsontext.AppendQuote(to, value)
		}
	}
	optional := func(name, value string) {
		if value != "" {
			text(name, value)
		}
	}
	text(`{"currency":`, l.Currency)
	optional(`,"customer_id":`, l.CustomerID)
	to = append(to, `,"lines":[`...)
	for i := range l.Lines {
		line := &l.Lines[i]
		text(`{"sku":`, line.SKU)
		optional(`,"description":`, line.Description)
		to = strconv.AppendInt(append(to, `,"quantity":`...), line.Quantity, 10)
		to = strconv.AppendInt(append(to, `,"unit_price":`...), line.UnitPrice, 10)
		to = append(to, `},`...)
	}
	to = append(bytes.TrimSuffix(to, []byte{','}), ']')
	if len(l.Metadata) > 0 {
		to = append(to, `,"metadata":{`...)
		for name, value := range l.Metadata {
			text("", name)
			text(":", value)
			to = append(to, ',')
		}
		to[len(to)-1] = '}'
	}
	if !l.PlacedAt.IsZero() {
		to = append(to, `,"placed_at":"`...)
		to = append(l.PlacedAt.AppendFormat(to, time.RFC3339Nano), '"')
	}
	optional(`,"reference":`, l.Reference)
	optional(`,"source":`, l.Source)
	optional(`,"idempotency_key":`, l.IdempotencyKey)
	return append(to, '}'), err
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"ordertally/client"
	"ordertally/client/access"
	"ordertally/client/orders"
	"ordertally/client/statistics"
	"ordertally/shared/text/output"
	"ordertally/shared/text/safetext"
)

// traceCmd traces one order through both services.
type traceCmd struct {
	remote
	Activity access.Flags `embed:"" prefix:"activity-" group:"To reach the activity service:"`
	// URL of the activity service.
	ActivityTarget string `default:"http://127.0.0.1:8090" setting:""`
	// Id of the order.
	ID string `arg:"" name:"id"`
	output.Watch
}

// activityNames are the names of the flags for the activity service.
var activityNames = access.Names{Target: "--activity-target", Prefix: "activity-", Variable: activityKeyVariable}

// tracedActivity is the activity that counts new orders.
const tracedActivity = "ORDER_CREATED"

// trace is what both services know about an order. As JSON it contains their answers unchanged.
type trace struct {
	OrderID  string          `json:"order_id"`
	Delivery json.RawMessage `json:"delivery"`
	Counting json.RawMessage `json:"counting,omitempty"`
	// CountingError tells why the activity service did not answer.
	CountingError string   `json:"counting_error,omitempty"`
	Published     *seconds `json:"committed_to_published_seconds,omitempty"`
	Counted       *seconds `json:"committed_to_counted_seconds,omitempty"`

	delivery orders.Delivery
	counting *statistics.MessageBody // nil when the activity service did not answer
}

// seconds is a span of time. It is at least 0, even between the clocks of two machines.
type seconds float64

func since(begin, end time.Time) *seconds {
	if begin.IsZero() || end.IsZero() {
		return nil
	}
	s := seconds(max(end.Sub(begin).Seconds(), 0))
	return &s
}

func (s *seconds) String() string {
	if s == nil {
		return "-"
	}
	return "+" + time.Duration(float64(*s)*float64(time.Second)).Round(100*time.Microsecond).String()
}

// Run writes the trace to standard output. If the activity service does not answer, the order's half is still written
// and the error says so.
func (c *traceCmd) Run(ctx context.Context) error { return c.Watch.Run(ctx, safetext.Stdout(), c.run) }

func (c *traceCmd) run(ctx context.Context, out io.Writer) error {
	activity, err := c.connectActivity()
	if err != nil {
		return err
	}
	defer activity.Close()
	shop, err := c.orders()
	if err != nil {
		return err
	}
	defer shop.Close()
	delivery, err := shop.GetDelivery(ctx, c.ID)
	if err != nil {
		return err
	}
	t := trace{OrderID: c.ID, Delivery: delivery.Raw, delivery: delivery.Value}
	counting, unanswered := askCounting(ctx, activity, &t.delivery)
	if unanswered != nil {
		unanswered = fmt.Errorf("ask the activity service whether the order was counted: %w", unanswered)
		t.CountingError = unanswered.Error()
	} else {
		t.Counting, t.counting = counting.Raw, &counting.Value
		t.Counted = since(t.delivery.CommittedAt, t.counting.CountedAt)
	}
	t.Published = since(t.delivery.CommittedAt, t.delivery.PublishedAt)
	if err := c.write(out, &t); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return unanswered
}

// askTimeout bounds the request to the activity service, which answers from memory and one file.
const askTimeout = 10 * time.Second

func (c *traceCmd) connectActivity() (*statistics.Client, error) {
	connected, err := c.Activity.Connect(
		client.Config{URL: c.ActivityTarget, RetryFor: -1, AttemptTimeout: askTimeout}, activityNames,
	)
	return &statistics.Client{Client: connected}, err
}

// askCounting asks whether a message was counted. It asks by slot only if the message was published under that slot,
// because a skipped slot counts as counted.
func askCounting(
	ctx context.Context, activity *statistics.Client, d *orders.Delivery,
) (client.Answer[statistics.MessageBody], error) {
	if d.MessageID == "" {
		return client.Answer[statistics.MessageBody]{}, errors.New(
			"the order service does not say which message it is: it has expired there (outbox-retention)",
		)
	}
	var params statistics.GetMessageParams
	if d.State == orders.StatePublished {
		params.Lineage, params.Sequence = d.Lineage, d.Sequence
	}
	return activity.GetMessage(ctx, tracedActivity, d.MessageID, params)
}

func (c *traceCmd) write(out io.Writer, t *trace) error {
	return c.Write(out, t, t.writeTable)
}

func (t *trace) writeTable(out io.Writer) error {
	d := &t.delivery
	table := output.NewTable("STEP", "WHEN", "AFTER", "DETAIL")
	row := func(step string, at time.Time, after *seconds, detail ...string) {
		table.Row(output.Said(step), output.Said(output.Millis(at)), output.Said(after.String()),
			output.Said(strings.Join(detail, ", ")))
	}
	row("committed", d.CommittedAt, nil, "order "+t.OrderID, "message "+d.MessageID)
	step, detail := string(d.State), []string{}
	if d.Partition != nil && d.Offset != nil {
		detail = append(detail, fmt.Sprintf("%s partition %d offset %d", d.Topic, *d.Partition, *d.Offset))
	}
	detail = append(detail, fmt.Sprintf("sequence %d", d.Sequence))
	if d.Attempts != nil {
		detail = append(detail, fmt.Sprintf("attempts %d", *d.Attempts))
	}
	if d.Class != "" {
		detail = append(detail, "refused as "+d.Class, strconv.Quote(d.Reason))
	}
	if !d.NextAttemptAt.IsZero() {
		detail = append(detail, "next try "+output.Time(d.NextAttemptAt))
	}
	row(step, d.PublishedAt, t.Published, detail...)
	if t.counting == nil {
		row("?", time.Time{}, nil, "the activity service did not answer")
		return table.Write(out)
	}
	switch n := t.counting; {
	case n.State == statistics.MessageStateCounted && n.CountedAt.IsZero():
		row(string(n.State), n.CountedAt, nil, n.Activity, "when is not known any more")
	case n.State == statistics.MessageStateCounted:
		row(string(n.State), n.CountedAt, t.Counted, n.Activity)
	case n.State == statistics.MessageStateParked:
		row("not counted", n.ParkedAt, since(d.CommittedAt, n.ParkedAt),
			"parked by the activity service: "+string(n.Reason),
			strconv.Quote(n.Detail))
	default:
		row("not counted", time.Time{}, nil, t.whyNot())
	}
	return table.Write(out)
}

// whyNot tells why a message that the activity service does not know may be uncounted.
func (t *trace) whyNot() string {
	d, n := &t.delivery, t.counting
	switch {
	case d.State != orders.StatePublished:
		return "it is not published"
	case d.Partition != nil && d.Offset != nil && n.AsOf.Offsets[strconv.Itoa(int(*d.Partition))] > *d.Offset:
		return "the activity service read past it: is it reading another cluster, or is the message parked?"
	case n.AsOf.Lag != nil && n.AsOf.Lagging:
		return "not read yet: " + waits(*n.AsOf.Lag)
	}
	return "not read yet"
}

func waits(messages int64) string {
	if messages == 1 {
		return "1 message waits"
	}
	return fmt.Sprintf("%d messages wait", messages)
}

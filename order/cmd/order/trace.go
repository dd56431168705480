package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"ordertally/order"
	"ordertally/shared/auth"
	"ordertally/shared/settings"
	"ordertally/shared/settings/secret"
	"ordertally/shared/settings/tlsfiles"
	"ordertally/shared/text/safetext"
	"ordertally/shared/web/problem"
)

// traceCmd follows one order through both services.
type traceCmd struct {
	remote
	ActivityCredential auth.Credential       `embed:"" prefix:"activity-"`
	ActivityTLS        tlsfiles.ClientConfig `embed:"" prefix:"activity-"`
	ActivityTarget     string                `default:"http://127.0.0.1:8090" help:"URL of the activity service."`
	ID                 string                `arg:"" help:"Id of the order." name:"id"`
}

// tracedActivity is what the activity service calls the counting of new orders.
const tracedActivity = "ORDER_CREATED"

// trace is what both services know of an order. It is the answer with -o json and ndjson.
type trace struct {
	OrderID  string         `json:"order_id"`
	Delivery order.Delivery `json:"delivery"`           // as the order service answers it
	Counting *counting      `json:"counting,omitempty"` // as the activity service answers it
	// CountingError says why the activity service did not answer.
	CountingError string   `json:"counting_error,omitempty"`
	Published     *seconds `json:"committed_to_published_seconds,omitempty"`
	Counted       *seconds `json:"committed_to_counted_seconds,omitempty"`
}

// counting is what the activity service answers about a message. What is not known is left out.
type counting struct {
	Activity  string    `json:"activity"`
	State     string    `json:"state"`
	CountedAt time.Time `json:"counted_at,omitzero"`
	KnownBy   string    `json:"known_by,omitempty"`
	ParkedAt  time.Time `json:"parked_at,omitzero"`
	Reason    string    `json:"reason,omitempty"`
	Detail    string    `json:"detail,omitempty"`
	AsOf      struct {
		Offsets map[int32]int64 `json:"offsets"`
		Lagging bool            `json:"lagging"`
		Lag     *int64          `json:"lag,omitempty"`
	} `json:"as_of"`
}

// seconds is a span of time; between two machines' clocks it is at least 0.
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

// Run writes the trace to standard output. When the activity service does not answer, the order's half is written all
// the same and the error says so.
func (c *traceCmd) Run(ctx context.Context) error { return c.run(ctx, safetext.Stdout()) }

func (c *traceCmd) run(ctx context.Context, out io.Writer) error {
	base, err := url.Parse(c.ActivityTarget)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.RawQuery != "" ||
		base.Fragment != "" {
		return settings.WithExitCode(fmt.Errorf("--activity-target: %q is not a URL such as http://127.0.0.1:8090",
			secret.URL(c.ActivityTarget)), settings.ExitUsage)
	}
	token, err := c.ActivityCredential.Token(activityKeyVariable)
	if err != nil {
		return settings.WithExitCode(err, settings.ExitUsage)
	}
	transport, err := c.ActivityTLS.Transport("activity-")
	if err != nil {
		return settings.WithExitCode(err, settings.ExitUsage)
	}
	activity := &http.Client{Transport: transport, Timeout: askTimeout}
	defer activity.CloseIdleConnections()
	client, err := c.client()
	if err != nil {
		return err
	}
	defer client.Close()
	t := trace{OrderID: c.ID}
	if t.Delivery, err = client.Delivery(ctx, c.ID); err != nil {
		return err
	}
	var unanswered error
	if t.Counting, unanswered = askCounting(ctx, activity, base, token, &t.Delivery); unanswered != nil {
		unanswered = fmt.Errorf("ask the activity service whether the order was counted (see --activity-target): %w",
			unanswered)
		t.CountingError = unanswered.Error()
	} else {
		t.Counted = since(t.Delivery.CommittedAt, t.Counting.CountedAt)
	}
	t.Published = since(t.Delivery.CommittedAt, t.Delivery.PublishedAt)
	if err := c.write(out, &t); err != nil {
		return fmt.Errorf("write the answer: %w", err)
	}
	return unanswered
}

// askTimeout bounds the question to the activity service, which answers from memory and one file.
const askTimeout = 10 * time.Second

// askCounting asks whether a message was counted. Its slot says so only once it was published under it: one that was
// skipped counts as counted.
func askCounting(ctx context.Context, client *http.Client, base *url.URL, token secret.Text,
	d *order.Delivery) (*counting, error) {
	if d.MessageID == "" {
		return nil, errors.New("the order service does not say which message it is: it has expired there " +
			"(outbox-retention)")
	}
	target := base.JoinPath("v1/activities", tracedActivity, "messages", url.PathEscape(d.MessageID))
	if d.State == order.Published {
		target.RawQuery = url.Values{"lineage": {d.Lineage}, "sequence": {strconv.FormatUint(d.Sequence, 10)}}.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, err
	}
	auth.SetBearer(request, token.Reveal())
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("%s does not answer: %w", secret.URL(base.String()), secret.Cause(err))
	}
	defer func() { _ = response.Body.Close() }()
	const most = 1 << 20
	body, err := io.ReadAll(io.LimitReader(response.Body, most))
	if err != nil {
		return nil, err
	}
	var found counting
	if response.StatusCode == http.StatusOK && json.Unmarshal(body, &found) == nil && found.State != "" {
		return &found, nil
	}
	var p problem.Problem
	if response.StatusCode != http.StatusOK && json.Unmarshal(body, &p) == nil && p.Code != "" {
		return nil, p
	}
	return nil, fmt.Errorf("unexpected answer %d of type %.80q; is %s the activity service?",
		response.StatusCode, response.Header.Get("Content-Type"), secret.URL(base.String()))
}

func (c *traceCmd) write(out io.Writer, t *trace) error {
	var text []byte
	var err error
	switch c.Output {
	case "ndjson":
		text, err = json.Marshal(t)
	case "json":
		text, err = json.MarshalIndent(t, "", "  ")
	default:
		return t.writeTable(out)
	}
	if err == nil {
		_, err = out.Write(append(text, '\n'))
	}
	return err
}

func (t *trace) writeTable(out io.Writer) error {
	d := &t.Delivery
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(step string, at time.Time, after *seconds, detail ...string) {
		when := "-"
		if !at.IsZero() {
			when = at.UTC().Format("2006-01-02T15:04:05.000Z07:00")
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", step, when, after, strings.Join(detail, ", "))
	}
	fmt.Fprintln(table, "STEP\tWHEN\tAFTER\tDETAIL")
	row("committed", d.CommittedAt, nil, "order "+t.OrderID, "message "+d.MessageID)
	step, place := string(d.State), []string{}
	if d.Partition != nil && d.Offset != nil {
		place = append(place, fmt.Sprintf("%s partition %d offset %d", d.Topic, *d.Partition, *d.Offset))
	}
	place = append(place, fmt.Sprintf("sequence %d", d.Sequence))
	if d.Attempts != nil {
		place = append(place, fmt.Sprintf("attempts %d", *d.Attempts))
	}
	if d.Class != "" {
		place = append(place, "refused as "+d.Class, strconv.Quote(d.Reason))
	}
	if !d.NextTry.IsZero() {
		place = append(place, "next try "+stamp(d.NextTry))
	}
	row(step, d.PublishedAt, t.Published, place...)
	if t.Counting == nil {
		row("?", time.Time{}, nil, "the activity service did not answer")
		return table.Flush()
	}
	switch n := t.Counting; {
	case n.State == "counted" && n.CountedAt.IsZero():
		row(n.State, n.CountedAt, nil, n.Activity, "when is not known any more")
	case n.State == "counted":
		row(n.State, n.CountedAt, t.Counted, n.Activity)
	case n.State == "parked":
		row("not counted", n.ParkedAt, since(d.CommittedAt, n.ParkedAt), "parked by the activity service: "+n.Reason,
			strconv.Quote(n.Detail))
	default:
		row("not counted", time.Time{}, nil, t.whyNot())
	}
	return table.Flush()
}

// whyNot says why a message that the activity service does not know may not be counted.
func (t *trace) whyNot() string {
	d, n := &t.Delivery, t.Counting
	switch {
	case d.State != order.Published:
		return "it is not published"
	case d.Partition != nil && d.Offset != nil && n.AsOf.Offsets[*d.Partition] > *d.Offset:
		return "the activity service read past it: is it reading another cluster, or is the message parked?"
	case n.AsOf.Lag != nil && n.AsOf.Lagging:
		return fmt.Sprintf("not read yet, %d messages wait", *n.AsOf.Lag)
	}
	return "not read yet"
}

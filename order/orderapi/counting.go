package orderapi

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"ordertally/client"
	"ordertally/client/statistics"
	"ordertally/order"
	"ordertally/shared/settings/secret"
	"ordertally/shared/uuidv7"
	"ordertally/shared/web"
	"ordertally/shared/web/webpage"
)

const (
	// askTimeout bounds an answer of the activity service. A reader of the page waits for it.
	askTimeout = time.Second
	// maxAsking is how many orders are asked about at once. More are answered without asking.
	maxAsking = 16
)

// CountingState says what the activity service knows about a message.
type CountingState string

// unanswered is the state of a message that the activity service said nothing about. The other states are the activity
// service's own.
const unanswered CountingState = "unanswered"

// countingStates returns all states.
func countingStates() []CountingState {
	return []CountingState{"counted", "parked", "late", "conflict", "unknown", unanswered}
}

// Counting says whether an order's messages were counted.
type Counting struct {
	// One entry for each message of the order, in the order written.
	Messages []MessageCounting `json:"messages"`
}

// MessageCounting says whether one message was counted.
type MessageCounting struct {
	// The message's type, its ce_type. The activity of this name was asked.
	// Example: ORDER_CREATED
	Type string `json:"type"`
	// The message's id, its ce_id.
	// Example: 01890a5d-ac96-774b-8000-000000000001
	MessageID uuidv7.ID `json:"message_id"`
	// What the activity service knows about it.
	State CountingState `json:"state"`
	// When it was counted. Left out when it was not, and when that is not known any more.
	CountedAt time.Time `json:"counted_at,omitzero"`
	// Why it is not counted, or why the activity service said nothing. For people.
	// Example: The activity service does not answer.
	Detail string `json:"detail,omitzero"`
}

// activityService is asked when messages were counted. It is safe for concurrent use.
type activityService struct {
	url       string // "" for none
	transport http.RoundTripper
	asking    chan struct{} // has one entry for each order that is asked about
	trusted   bool          // it may see the caller's credential
}

func newActivityService(address webpage.Address) *activityService {
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: maxAsking,
		IdleConnTimeout: time.Minute,
	}
	return &activityService{url: string(address), transport: transport, asking: make(chan struct{}, maxAsking),
		trusted: confidential(string(address))}
}

// confidential reports whether nobody else can read what is sent to a URL.
func confidential(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Hostname() == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// counting answers whether an order's messages were counted. It asks the activity service with the caller's own
// credential. That the service does not answer is part of the answer, and no error.
func (a *api) counting(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.Parameters(r); err != nil {
		return err
	}
	id, err := orderID(r)
	if err != nil {
		return err
	}
	d, err := a.Store.Delivery(r.Context(), id)
	if err != nil {
		return err
	}
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return a.answerJSON(w, r, a.activity.ask(r.Context(), strings.TrimSpace(token), d.Messages))
}

// ask asks about all messages at once.
func (s *activityService) ask(ctx context.Context, credential string, messages []order.MessageDelivery) Counting {
	answer := Counting{Messages: make([]MessageCounting, len(messages))}
	for i := range messages {
		m := &messages[i]
		answer.Messages[i] = MessageCounting{Type: m.Type, MessageID: m.MessageID, State: unanswered}
	}
	say := func(detail string) Counting {
		for i := range answer.Messages {
			answer.Messages[i].Detail = detail
		}
		return answer
	}
	if s.url == "" {
		return say("The order service does not know where the activity service is: set activity-url.")
	}
	select {
	case s.asking <- struct{}{}:
		defer func() { <-s.asking }()
	default:
		return say("Too many orders are asked about at once. Ask again.")
	}
	config := client.Config{URL: s.url, Transport: s.transport, RetryFor: -1, AttemptTimeout: askTimeout}
	if s.trusted {
		config.Credential = secret.New(credential)
	}
	c, err := statistics.New(config)
	if err != nil {
		return say(err.Error() + ".")
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var asked sync.WaitGroup
	for i := range messages {
		asked.Go(func() { answer.Messages[i].ask(ctx, c, &messages[i]) })
	}
	asked.Wait()
	return answer
}

// ask asks about one message. Only a published one can be counted. It asks by slot as well, because an id is forgotten
// after a time.
func (c *MessageCounting) ask(ctx context.Context, service *statistics.Client, m *order.MessageDelivery) {
	if m.State != order.Published {
		c.State, c.Detail = "unknown", "The message is not published."
		return
	}
	params := statistics.GetMessageParams{
		Lineage:  m.Lineage,
		Sequence: int64(m.Sequence), //nolint:gosec // slots are far from 2^63
	}
	found, err := service.GetMessage(ctx, m.Type, m.MessageID.String(), params)
	if err != nil {
		c.Detail = unansweredBecause(err)
		return
	}
	c.State, c.CountedAt, c.Detail = CountingState(found.Value.State), found.Value.CountedAt, found.Value.Detail
}

// unansweredBecause says why the activity service did not tell. It shows no address, because readers of orders are not
// those who run the services.
func unansweredBecause(err error) string {
	p, ok := errors.AsType[client.Problem](err)
	switch {
	case !ok:
		return "The activity service does not answer."
	case p.Status == http.StatusUnauthorized:
		return "The activity service does not know the key."
	case p.Status == http.StatusForbidden:
		return "The key may not read statistics."
	case p.Status == http.StatusNotFound:
		return "The activity service does not count these messages."
	}
	return "The activity service cannot tell: " + p.Detail
}

package orders_test

import (
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/order/ack"
	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
)

func connect(t *testing.T, url string) *orders.Client {
	t.Helper()
	c, err := orders.New(client.Config{URL: url, RetryFor: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestClient_PlacesAnOrderOnceAndGetsIt(t *testing.T) {
	c := connect(t, apitest.Start(t, clock.System{}).URL+"/")
	draft := orders.OrderDraft{
		Reference: "536365", CustomerID: "17850", Currency: "GBP",
		PlacedAt: time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC),
		Lines:    []orders.DraftLine{{SKU: "85123A", Description: "WHITE <HEART> é", Quantity: 6, UnitPrice: 255}},
		Metadata: map[string]string{"country": "United Kingdom", "b": "", "a": "x"},
	}
	once := orders.PlaceOrderParams{IdempotencyKey: "key-1"}
	placed, err := c.PlaceOrder(t.Context(), once, draft)
	if err != nil || placed.Replayed() || placed.Value.ID == "" ||
		placed.Value.Publication.State != orders.StatePending {
		t.Fatalf("%+v, %v", placed.Value, err)
	}
	want := placed.Value
	want.Reference, want.CustomerID, want.Currency, want.Total = draft.Reference, draft.CustomerID, "GBP", 1530
	want.Lines = []orders.Line{orders.Line(draft.Lines[0])}
	want.PlacedAt, want.Metadata = draft.PlacedAt, draft.Metadata
	if !reflect.DeepEqual(placed.Value, want) {
		t.Fatalf("got  %+v\nwant %+v", placed.Value, want)
	}
	got, err := c.GetOrder(t.Context(), placed.Value.ID)
	want.Status = orders.StatusPlaced // the answer to a placement has none
	if err != nil || !reflect.DeepEqual(got.Value, want) {
		t.Fatalf("get: %+v, %v\nwant %+v", got.Value, err, want)
	}
	again, err := c.PlaceOrder(t.Context(), once, draft)
	if err != nil || !again.Replayed() || again.Value.ID != placed.Value.ID {
		t.Fatalf("again: %+v, %v", again.Value, err)
	}
}

func TestClient_ReturnsRefusalsAsProblems(t *testing.T) {
	c := connect(t, apitest.Start(t, clock.System{}).URL)
	draft := orders.OrderDraft{Currency: "GBP", Lines: []orders.DraftLine{{SKU: "a", UnitPrice: 1}}}
	_, err := c.PlaceOrder(t.Context(), orders.PlaceOrderParams{}, draft)
	p, ok := errors.AsType[client.Problem](err)
	if !ok || p.Status != 422 || !client.HasCode(err, orders.ProblemCodeInvalidOrder) || len(p.Errors) != 1 ||
		p.Errors[0].Pointer != "/lines/0/quantity" {
		t.Fatalf("place: %+v, %v", p, err)
	}
	for _, id := range []string{"x", "../v1/orders", "", "0190163d-8694-739b-aea5-966c26f8ad91"} {
		if _, err := c.GetOrder(t.Context(), id); err == nil {
			t.Errorf("get %q: no error", id)
		} else if p, ok := errors.AsType[client.Problem](err); !ok || p.Status != 404 {
			t.Errorf("get %q: %v", id, err)
		}
	}
}

func TestAll_FollowsEveryPage(t *testing.T) {
	c := connect(t, apitest.Start(t, clock.System{}).URL)
	start := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 7 {
		draft := orders.OrderDraft{
			Reference: fmt.Sprint(i), CustomerID: fmt.Sprint("c", i%2), Currency: "EUR",
			PlacedAt: start.AddDate(0, 0, i), Lines: []orders.DraftLine{{SKU: "a", Quantity: 1}},
		}
		if _, err := c.PlaceOrder(t.Context(), orders.PlaceOrderParams{}, draft); err != nil {
			t.Fatal(err)
		}
	}
	list := func(params orders.ListOrdersParams) string {
		var references strings.Builder
		for o, err := range c.All(t.Context(), params) {
			if err != nil {
				return err.Error()
			}
			references.WriteString(o.Reference)
		}
		return references.String()
	}
	from, to := start.AddDate(0, 0, 2), start.AddDate(0, 0, 5).In(time.FixedZone("", 3600))
	for want, params := range map[string]orders.ListOrdersParams{
		"6543210": {Limit: 2},
		"531":     {Limit: 1, CustomerID: "c1"},
		"432":     {PlacedFrom: from, PlacedTo: to, Limit: 1},
		"":        {CustomerID: "nobody"},
	} {
		if got := list(params); got != want {
			t.Errorf("%+v: got %s, want %s", params, got, want)
		}
	}
	for _, err := range c.All(t.Context(), orders.ListOrdersParams{Limit: 1}) {
		if err != nil {
			t.Error(err)
		}
		break // leaving early asks for no further page and leaks nothing
	}
	if got := list(orders.ListOrdersParams{Limit: 201}); !strings.Contains(got, "400 invalid_parameter") {
		t.Errorf("a page too large: %s", got)
	}
}

func TestClient_TakesAURLWithAPath(t *testing.T) {
	service := apitest.New(t, clock.System{})
	service.Wrap = func(next http.Handler) http.Handler { return http.StripPrefix("/shop", next) }
	service.Start()
	c := connect(t, service.URL+"/shop/")
	draft := orders.OrderDraft{Currency: "GBP", Lines: []orders.DraftLine{{SKU: "a", Quantity: 1, UnitPrice: 1}}}
	if _, err := c.PlaceOrder(t.Context(), orders.PlaceOrderParams{}, draft); err != nil {
		t.Fatal(err)
	}
}

func TestClient_CancelsAnOrderOnce(t *testing.T) {
	c := connect(t, apitest.Start(t, clock.System{}).URL)
	draft := orders.OrderDraft{Currency: "GBP", Lines: []orders.DraftLine{{SKU: "a", Quantity: 1, UnitPrice: 1}}}
	placed, err := c.PlaceOrder(t.Context(), orders.PlaceOrderParams{}, draft)
	if err != nil {
		t.Fatal(err)
	}
	cancel := func(key string) (client.Answer[orders.PlacedOrder], error) {
		return c.CancelOrder(t.Context(), placed.Value.ID, orders.CancelOrderParams{IdempotencyKey: key},
			orders.OrderCancellation{Reason: "a test"})
	}
	if answer, err := cancel("once"); err != nil || answer.Replayed() || answer.Value.ID != placed.Value.ID ||
		answer.Value.Status != orders.StatusCancelled {
		t.Errorf("%+v, %v", answer.Value, err)
	}
	if answer, err := cancel("once"); err != nil || !answer.Replayed() {
		t.Errorf("again: %+v, %v", answer.Value, err)
	}
	if _, err := cancel("another"); !client.HasCode(err, orders.ProblemCodeAlreadyCancelled) {
		t.Errorf("with another key: %v", err)
	}
}

// An order that Kafka has not confirmed is asked for again with its key, until Kafka has.
func TestClient_RepeatsWhatIsNotReplicatedYet(t *testing.T) {
	service := apitest.New(t, clock.System{})
	service.Ack = ack.Config{Wait: 50 * time.Millisecond}
	free, held := make(chan struct{}), make(chan struct{}, 1)
	var keyedOnes atomic.Int32
	service.Wrap = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Idempotency-Key") != "" && keyedOnes.Add(1) == 2 {
				close(free)
			}
			next.ServeHTTP(w, r)
		})
	}
	service.Start()
	_, publisher := service.PublishWithout("none")
	publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		if step == outboxtest.Committing && len(records) > 0 {
			select {
			case held <- struct{}{}:
			default:
			}
			<-free
		}
		return nil
	})
	c, err := orders.New(client.Config{URL: service.URL, RetryFor: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	draft := orders.OrderDraft{Currency: "GBP", Lines: []orders.DraftLine{{SKU: "a", Quantity: 1, UnitPrice: 1}}}
	keyless := orders.PlaceOrderParams{Prefer: "durability=kafka"}
	if _, err := c.PlaceOrder(t.Context(), keyless, draft); !client.HasCode(err, orders.ProblemCodeNotReplicated) {
		t.Errorf("without a key: %v", err) // it may not be repeated
	}
	<-held
	keyed := orders.PlaceOrderParams{Prefer: "durability=kafka", IdempotencyKey: "k"}
	placed, err := c.PlaceOrder(t.Context(), keyed, draft)
	if err != nil || placed.Header.Get("Order-Durability") != "kafka" ||
		placed.Value.Publication.State != orders.StatePublished {
		t.Errorf("with a key: %+v, %v", placed, err)
	}
}

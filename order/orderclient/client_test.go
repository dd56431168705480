package orderclient_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"ordertally/order"
	"ordertally/order/orderapi/apitest"
	"ordertally/order/orderclient"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/settings/secret"
	"ordertally/shared/web/problem"
)

func connect(t *testing.T, service *apitest.Service) *orderclient.Client {
	t.Helper()
	c, err := orderclient.New(orderclient.Config{BaseURL: service.URL + "/", RetryFor: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestPlaceAndGet(t *testing.T) {
	c := connect(t, apitest.Start(t, clock.System{}))
	draft := order.Draft{
		Reference: "536365", CustomerID: "17850", Currency: "GBP",
		PlacedAt: time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC),
		Lines:    []event.Line{{SKU: "85123A", Description: "WHITE <HEART> é", Quantity: 6, UnitPrice: 255}},
		Metadata: map[string]string{"country": "United Kingdom", "b": "", "a": "x"},
	}
	body, err := order.EncodeDraft(&draft)
	if err != nil {
		t.Fatal(err)
	}
	placed, err := c.Place(t.Context(), body, "key-1")
	if err != nil || placed.Replayed || placed.ID == "" || placed.Publication.State != order.Pending {
		t.Fatalf("%+v, %v", placed, err)
	}
	want := event.Order{
		ID: placed.ID, Reference: draft.Reference, CustomerID: draft.CustomerID, Currency: "GBP", Lines: draft.Lines,
		Total:    1530,
		PlacedAt: draft.PlacedAt, Metadata: draft.Metadata,
	}
	if !reflect.DeepEqual(placed.Order.Order, want) {
		t.Fatalf("got  %+v\nwant %+v", placed.Order.Order, want)
	}
	got, err := c.Get(t.Context(), placed.ID)
	if err != nil || !reflect.DeepEqual(got, placed.Order) {
		t.Fatalf("get: %+v, %v", got, err)
	}
	again, err := c.Place(t.Context(), body, "key-1")
	if err != nil || !again.Replayed || again.ID != placed.ID {
		t.Fatalf("again: %+v, %v", again, err)
	}
}

func TestRefusalsAreProblems(t *testing.T) {
	c := connect(t, apitest.Start(t, clock.System{}))
	_, err := c.Place(t.Context(), []byte(`{"currency":"GBP","lines":[{"sku":"a","quantity":0,"unit_price":1}]}`), "")
	p, ok := errors.AsType[problem.Problem](err)
	if !ok || p.Status != 422 || p.Code != "invalid_order" || len(p.Errors) != 1 ||
		p.Errors[0].Pointer != "/lines/0/quantity" {
		t.Fatalf("place: %+v, %v", p, err)
	}
	for _, id := range []string{"x", "../v1/orders", "", "0190163d-8694-739b-aea5-966c26f8ad91"} {
		if _, err := c.Get(t.Context(), id); err == nil {
			t.Errorf("get %q: no error", id)
		} else if p, ok := errors.AsType[problem.Problem](err); !ok || p.Status != 404 {
			t.Errorf("get %q: %v", id, err)
		}
	}
}

func TestListFollowsEveryPage(t *testing.T) {
	c := connect(t, apitest.Start(t, clock.System{}))
	start := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 7 {
		draft := order.Draft{Reference: fmt.Sprint(i), CustomerID: fmt.Sprint("c", i%2), Currency: "EUR",
			PlacedAt: start.AddDate(0, 0, i), Lines: []event.Line{{SKU: "a", Quantity: 1}}}
		body, err := order.EncodeDraft(&draft)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Place(t.Context(), body, ""); err != nil {
			t.Fatal(err)
		}
	}
	list := func(q orderclient.Query) string {
		var references strings.Builder
		for o, err := range c.List(t.Context(), q) {
			if err != nil {
				return err.Error()
			}
			references.WriteString(o.Reference)
		}
		return references.String()
	}
	for want, q := range map[string]orderclient.Query{
		"6543210": {PageSize: 2},
		"531":     {PageSize: 1, CustomerID: "c1"},
		"432": {PlacedFrom: start.AddDate(0, 0, 2), PlacedTo: start.AddDate(0, 0, 5).In(time.FixedZone("", 3600)),
			PageSize: 1},
		"": {CustomerID: "nobody"},
	} {
		if got := list(q); got != want {
			t.Errorf("%+v: got %s, want %s", q, got, want)
		}
	}
	for _, err := range c.List(t.Context(), orderclient.Query{PageSize: 1}) {
		if err != nil {
			t.Error(err)
		}
		break // leaving early asks for no further page and leaks nothing
	}
	if got := list(orderclient.Query{PageSize: 201}); !strings.Contains(got, "400 invalid_parameter") {
		t.Errorf("a page too large: %s", got)
	}
}

func TestNewRefusesWhatIsNoURL(t *testing.T) {
	for _, url := range []string{
		"", "127.0.0.1:8080", "localhost:8080", "ftp://x", "http://", "http://x?y=1", "http://x#y", "http://x\n",
		"ftp://me:sesame@x", "http://me:sesame@x?y=1", "http://me:sesame@x y",
	} {
		if _, err := orderclient.New(orderclient.Config{BaseURL: url}); err == nil ||
			strings.Contains(err.Error(), "sesame") {
			t.Errorf("%q: %v", url, err)
		}
	}
}

func TestATokenInTheURLIsNotShown(t *testing.T) {
	short := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "9") // and no body
	}))
	defer short.Close()
	for _, host := range []string{"127.0.0.1:1", strings.TrimPrefix(short.URL, "http://")} {
		c, err := orderclient.New(orderclient.Config{BaseURL: "http://open-sesame@" + host, RetryFor: -1})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Outbox(t.Context()); err == nil || strings.Contains(err.Error(), "sesame") ||
			!strings.Contains(err.Error(), host) {
			t.Errorf("%v", err)
		}
		c.Close()
	}
}

func TestABaseURLMayHaveAPath(t *testing.T) {
	service := apitest.New(t, clock.System{})
	service.Wrap = func(next http.Handler) http.Handler { return http.StripPrefix("/shop", next) }
	service.Start()
	c, err := orderclient.New(orderclient.Config{BaseURL: service.URL + "/shop/", RetryFor: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Place(t.Context(), []byte(`{"currency":"GBP","lines":[{"sku":"a","quantity":1,"unit_price":1}]}`),
		""); err != nil {
		t.Fatal(err)
	}
}

func TestACredentialIsNotShown(t *testing.T) {
	config := orderclient.Config{BaseURL: "http://127.0.0.1:1", Credential: secret.New("open-sesame"), RetryFor: -1}
	client, err := orderclient.New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = client.Get(t.Context(), "none")
	if text := fmt.Sprintf("%v %+v %#v %+v %#v %v", config, config, config, client, client, err); strings.Contains(text,
		"sesame") || !strings.Contains(text, "redacted") {
		t.Errorf("shown: %s", text)
	}
}

func TestTheCredentialIsSent(t *testing.T) {
	got := ""
	service := apitest.New(t, clock.System{})
	service.Wrap = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got = r.Header.Get("Authorization")
			next.ServeHTTP(w, r)
		})
	}
	service.Start()
	c, err := orderclient.New(orderclient.Config{BaseURL: service.URL, Credential: secret.New("open-sesame"),
		RetryFor: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Outbox(t.Context()); err != nil || got != "Bearer open-sesame" {
		t.Errorf("%q, %v", got, err)
	}
}

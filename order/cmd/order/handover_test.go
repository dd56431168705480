package main

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/order"
	"ordertally/order/orderapi/apitest"
	"ordertally/order/orderstore"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/text/output"
)

// shop places orders at one service.
type shop struct {
	t *testing.T
	*orders.Client
}

func shopAt(t *testing.T, service *apitest.Service) shop {
	t.Helper()
	connected, err := orders.New(client.Config{URL: service.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(connected.Close)
	return shop{t, connected}
}

// place places an order of one line and returns its id.
func (s shop) place(key, source, sku string) string {
	s.t.Helper()
	draft := orders.OrderDraft{Currency: "GBP", Lines: []orders.DraftLine{{SKU: sku, Quantity: 1, UnitPrice: 1}}}
	if source != "" {
		draft.Source, draft.Reference = source, "r1"
	}
	placed, err := s.PlaceOrder(s.t.Context(), orders.PlaceOrderParams{IdempotencyKey: key}, draft)
	if err != nil {
		s.t.Fatal(err)
	}
	return placed.Value.ID
}

func (s shop) cancel(id string) {
	s.t.Helper()
	_, err := s.CancelOrder(s.t.Context(), id, orders.CancelOrderParams{}, orders.OrderCancellation{Reason: "a test"})
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s shop) get(id string) orders.PlacedOrder {
	s.t.Helper()
	got, err := s.GetOrder(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return got.Value
}

// handOver runs the verb and returns the verdicts and the totals.
func handOver(t *testing.T, data, target string) (map[string]order.Verdict, string, error) {
	t.Helper()
	var out bytes.Buffer
	err := (&handoverCmd{Data: data, remote: remote{running{Target: target}, output.Form{Output: "ndjson"}}}).run(
		t.Context(), &out)
	verdicts := map[string]order.Verdict{}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for _, line := range lines[:len(lines)-1] {
		var v order.Verdict
		if err := json.Unmarshal([]byte(line), &v); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		verdicts[v.ID] = v
	}
	return verdicts, lines[len(lines)-1], err
}

func TestHandover_GivesWhatTheOtherServiceLacks(t *testing.T) {
	old, other := apitest.Start(t, clock.System{}), apitest.Start(t, clock.System{})
	was, is := shopAt(t, old), shopAt(t, other)

	alone := was.place("k1", "", "a")
	cancelled := was.place("", "", "b")
	was.cancel(cancelled)
	byKey, byKeyNow := was.place("k2", "", "c"), is.place("k2", "", "c")
	bySource, bySourceNow := was.place("", "till", "d"), is.place("k9", "till", "d")
	twice, twiceNow := was.place("k3", "", "e"), is.place("k3", "", "e")
	was.cancel(twice)
	reused := was.place("k4", "", "f")
	is.place("k4", "", "another")
	before := was.get(alone)
	delivery, err := was.GetDelivery(t.Context(), alone)
	if err != nil {
		t.Fatal(err)
	}
	old.Stop()
	file, err := os.ReadFile(old.Path())
	if err != nil {
		t.Fatal(err)
	}

	verdicts, totals, err := handOver(t, old.Path(), other.URL)
	if err == nil || !strings.Contains(err.Error(), "1 order refused") {
		t.Errorf("the verb ended with %v", err)
	}
	if want := `{"adopted":2,"superseded":3,"known":0,"refused":1}`; totals != want {
		t.Errorf("totals %s, want %s", totals, want)
	}
	for id, want := range map[string]order.Verdict{
		alone: {Result: order.HandoverAdopted}, cancelled: {Result: order.HandoverAdopted},
		byKey:    {Result: order.HandoverSuperseded, SupersededBy: byKeyNow},
		bySource: {Result: order.HandoverSuperseded, SupersededBy: bySourceNow},
		twice:    {Result: order.HandoverSuperseded, SupersededBy: twiceNow},
	} {
		want.ID = id
		if verdicts[id] != want {
			t.Errorf("%+v, want %+v", verdicts[id], want)
		}
	}
	if v := verdicts[reused]; v.Result != order.HandoverRefused || !strings.Contains(v.Reason, "another order") {
		t.Errorf("an order whose key has another order with other content: %+v", v)
	}
	if after := is.get(alone); !reflect.DeepEqual(after, before) {
		t.Errorf("the order is %+v, was %+v", after, before)
	}
	moved, err := is.GetDelivery(t.Context(), alone)
	if err != nil || moved.Value.MessageID != delivery.Value.MessageID {
		t.Errorf("its message is %s, was %s; %v", moved.Value.MessageID, delivery.Value.MessageID, err)
	}
	if is.place("k1", "", "a") != alone {
		t.Error("its key places another order")
	}
	if got := is.get(cancelled); got.Status != "cancelled" || got.Reason != "a test" {
		t.Errorf("the cancelled order: %+v", got)
	}
	if got := is.get(twiceNow); got.Status != "cancelled" {
		t.Errorf("the order that superseded a cancelled one: %+v", got)
	}

	again, totals, err := handOver(t, old.Path(), other.URL)
	if want := `{"adopted":0,"superseded":3,"known":2,"refused":1}`; totals != want || err == nil || len(again) != 4 {
		t.Errorf("repeated: %s, %v", totals, err)
	}
	if kept, err := os.ReadFile(old.Path()); err != nil || !bytes.Equal(kept, file) {
		t.Errorf("the file changed, or %v", err)
	}
	incidents, err := other.Outbox.Incidents(t.Context(), 10)
	if err != nil || len(incidents) != 1 || incidents[0].Messages != 3 {
		t.Errorf("incidents %+v, %v", incidents, err)
	}
	other.Stop()
	if done, err := boltdb.CheckFile(t.Context(), other.Path(), orderstore.Check); err != nil || len(done.Faults) > 0 {
		t.Errorf("the file afterwards: %v %q", err, done.Faults)
	}
}

func TestHandover_ASupersededIDLeadsToTheOtherOrder(t *testing.T) {
	old, other := apitest.Start(t, clock.System{}), apitest.Start(t, clock.System{})
	was, is := shopAt(t, old), shopAt(t, other)
	first, second := was.place("k", "", "a"), is.place("k", "", "a")
	old.Stop()
	if _, _, err := handOver(t, old.Path(), other.URL); err != nil {
		t.Fatal(err)
	}
	stay := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	for _, route := range []struct{ method, path string }{
		{http.MethodGet, ""}, {http.MethodGet, "/delivery"}, {http.MethodPost, "/cancel"},
	} {
		r, err := http.NewRequestWithContext(t.Context(), route.method, other.URL+"/v1/orders/"+first+route.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := stay.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if at := response.Header.Get("Location"); response.StatusCode != http.StatusPermanentRedirect ||
			at != "/v1/orders/"+second+route.path {
			t.Errorf("%s %s: %s, %q", route.method, route.path, response.Status, at)
		}
	}
	if got := is.get(first); got.ID != second {
		t.Errorf("a client gets %s, want %s", got.ID, second)
	}
	is.cancel(first)
	if got := is.get(second); got.Status != "cancelled" {
		t.Errorf("cancelled by the old id: %+v", got)
	}

	// A third service learns what stands for the id, too.
	other.Stop()
	third := apitest.Start(t, clock.System{})
	if _, totals, err := handOver(t, other.Path(), third.URL); err != nil ||
		totals != `{"adopted":1,"superseded":1,"known":0,"refused":0}` {
		t.Fatalf("%s, %v", totals, err)
	}
	if got := shopAt(t, third).get(first); got.ID != second || got.Status != "cancelled" {
		t.Errorf("at the third service: %+v", got)
	}
}

// An order that was published was counted. Another service that lacks it must not publish it again.
func TestHandover_RefusesWhatWasPublished(t *testing.T) {
	old, other := apitest.Start(t, clock.System{}), apitest.Start(t, clock.System{})
	old.PublishWithout("sick")
	was := shopAt(t, old)
	id := was.place("k", "", "a")
	clocktest.Eventually(t, "it is published", func() bool { return was.get(id).Publication.State == "published" })
	parkSick(t, old, 1)
	old.StopRelay()
	old.Stop()
	verdicts, totals, err := handOver(t, old.Path(), other.URL)
	if err == nil || totals != `{"adopted":1,"superseded":0,"known":0,"refused":1}` {
		t.Errorf("%s, %v", totals, err)
	}
	if v := verdicts[id]; v.Result != order.HandoverRefused ||
		!strings.Contains(v.Reason, "order restore --from-topic") {
		t.Errorf("the published order: %+v", v)
	}
}

func TestHandover_SaysWhyItCannot(t *testing.T) {
	old := apitest.Start(t, clock.System{})
	if _, _, err := handOver(t, old.Path(), old.URL); !errors.Is(err, boltdb.ErrLocked) {
		t.Errorf("the file of a running service: %v", err)
	}
	if _, _, err := handOver(t, t.TempDir()+"/none.db", old.URL); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	shopAt(t, old).place("", "", "a")
	old.Stop()
	if _, _, err := handOver(t, old.Path(), old.URL); err == nil || !strings.Contains(err.Error(), "can be repeated") {
		t.Errorf("no service: %v", err)
	}
}

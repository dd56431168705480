package orderapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"ordertally/client/orders"
	"ordertally/order"
	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/uuidv7"
)

func cancel(id, body string, header ...string) call {
	c := post(body, header...)
	c.path = "/v1/orders/" + id + "/cancel"
	return c
}

// placeOne places an order and returns its id, and the answer.
func placeOne(t *testing.T, service *apitest.Service, header ...string) (id, answer string) {
	t.Helper()
	resp, answer := post(body(goodLine), header...).do(t, service)
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	return strings.TrimPrefix(resp.Header.Get("Location"), "/v1/orders/"), answer
}

func TestCancel_AnswersTheCancelledOrder(t *testing.T) {
	at := clock.NewManual(now)
	service := apitest.Start(t, at)
	id, placed := placeOne(t, service, "Idempotency-Key", "p")
	if _, got := get("/v1/orders/"+id).do(t, service); !strings.Contains(got, `,"status":"placed","publication"`) {
		t.Errorf("before: %s", got)
	}
	at.Advance(time.Hour)
	resp, answer := cancel(id, `{"reason":"ordered\t\"twice\""}`, "Idempotency-Key", "k").do(t, service)
	want := strings.TrimSuffix(placed, `"publication":{"state":"pending","attempts":0}}`) +
		`"status":"cancelled","cancelled_at":"2026-05-01T13:00:00.123Z","reason":"ordered\t\"twice\"",` +
		`"publication":{"state":"pending","attempts":0}}`
	if resp.StatusCode != http.StatusOK || answer != want || resp.Header.Get("Idempotent-Replayed") != "" {
		t.Fatalf("%d %s\nwant %s", resp.StatusCode, answer, want)
	}
	if _, got := get("/v1/orders/"+id).do(t, service); got != want {
		t.Errorf("GET answers %s", got)
	}
	if _, got := get("/v1/orders").do(t, service); got != `{"orders":[`+want+`]}` {
		t.Errorf("the list answers %s", got)
	}
	at.Advance(time.Hour)
	before := service.Transactions()
	// The key decides, not the reason.
	resp, answer = cancel(id, ``, "Idempotency-Key", "k").do(t, service)
	if resp.StatusCode != http.StatusOK || answer != want || resp.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the same key: %d %s", resp.StatusCode, answer)
	}
	for name, c := range map[string]call{
		"another key": cancel(id, `{}`, "Idempotency-Key", "j"), "no key": cancel(id, `{}`),
		"the key of the placement": cancel(id, `{}`, "Idempotency-Key", "p"),
	} {
		if resp, answer := c.do(t, service); resp.StatusCode != http.StatusConflict ||
			!strings.Contains(answer, `"code":"already_cancelled"`) {
			t.Errorf("%s: %d %s", name, resp.StatusCode, answer)
		}
	}
	resp, again := post(body(goodLine), "Idempotency-Key", "p").do(t, service)
	if again != placed || resp.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("the placement again: %s, was answered with %s", again, placed)
	}
	if service.Transactions() != before {
		t.Error("something was written")
	}
	if other, _ := placeOne(t, service); true {
		if resp, answer := cancel(other, `{}`, "Idempotency-Key", "k").do(t,
			service); resp.StatusCode != http.StatusOK ||
			resp.Header.Get("Idempotent-Replayed") != "" {
			t.Errorf("the same key for another order: %d %s", resp.StatusCode, answer)
		}
	}
}

func TestCancel_WithoutReasonOrBody(t *testing.T) {
	service := apitest.Start(t, clock.NewManual(now))
	for name, c := range map[string]call{
		"no body":                  {header: http.Header{}},
		"a media type and no body": {header: http.Header{"Content-Type": {"text/plain"}}},
		"an empty object":          cancel("", `{}`), "an empty reason": cancel("", `{"reason":""}`),
		"white space": cancel("", " \n"),
	} {
		id, _ := placeOne(t, service)
		c.method, c.path = http.MethodPost, "/v1/orders/"+id+"/cancel"
		resp, answer := c.do(t, service)
		if resp.StatusCode != http.StatusOK || !strings.Contains(answer, `"status":"cancelled"`) ||
			strings.Contains(answer, "reason") {
			t.Errorf("%s: %d %s", name, resp.StatusCode, answer)
		}
	}
}

func TestCancel_RefusesWhatItDoesNotUnderstand(t *testing.T) {
	service := apitest.Start(t, clock.NewManual(now))
	id, _ := placeOne(t, service)
	before := service.Transactions()
	text := cancel(id, `{}`)
	text.header = http.Header{"Content-Type": {"text/plain"}}
	query := cancel(id, `{}`)
	query.path += "?reason=x"
	for _, c := range []struct {
		name   string
		call   call
		status int
		code   string
		rule   string
	}{
		{"no JSON", cancel(id, `{`), 400, "malformed_json", "syntax"},
		{"an array", cancel(id, `[]`), 400, "malformed_json", "not_an_object"},
		{"two objects", cancel(id, `{}{}`), 400, "malformed_json", "trailing_data"},
		{"a repeated name", cancel(id, `{"reason":"a","reason":"a"}`), 400, "malformed_json", "repeated_name"},
		{"an unknown member", cancel(id, `{"reasons":"a"}`), 422, "invalid_cancellation", "unknown_field"},
		{"null", cancel(id, `{"reason":null}`), 422, "invalid_cancellation", "wrong_type"},
		{"a number", cancel(id, `{"reason":1}`), 422, "invalid_cancellation", "wrong_type"},
		{"513 characters", cancel(id, `{"reason":"`+strings.Repeat("\U0001F384", 513)+`"}`), 422,
			"invalid_cancellation", "too_long"},
		{"a line break", cancel(id, `{"reason":"a\nb"}`), 422, "invalid_cancellation", "invalid_character"},
		{"a bad key", cancel(id, `{}`, "Idempotency-Key", "a b"), 400, "invalid_idempotency_key", ""},
		{"an empty key", cancel(id, `{}`, "Idempotency-Key", ""), 400, "invalid_idempotency_key", ""},
		{"another media type", text, 415, "unsupported_media_type", ""},
		{"a parameter", query, 400, "invalid_parameter", ""},
		{"more than 1 MiB", cancel(id, strings.Repeat(" ", order.MaxBody+1)), 413, "body_too_large", ""},
		{"no such order", cancel("01890a5d-ac96-774b-8000-a8b45f0c6d21", `{}`), 404, "not_found", ""},
		{"no id", cancel("1", `{}`), 404, "not_found", ""},
	} {
		resp, answer := c.call.do(t, service)
		if resp.StatusCode != c.status || !strings.Contains(answer, `"code":"`+c.code+`"`) ||
			c.rule != "" && !strings.Contains(answer, `"code":"`+c.rule+`"`) {
			t.Errorf("%s: %d %s", c.name, resp.StatusCode, answer)
		}
	}
	if service.Transactions() != before {
		t.Error("something was written")
	}
	longest := `{"reason":"` + strings.Repeat(`\ud83c\udf84`, 512) + `"}`
	if resp, answer := cancel(id, longest).do(t, service); resp.StatusCode != http.StatusOK {
		t.Errorf("512 characters: %d %s", resp.StatusCode, answer)
	}
}

// TestCancel_PublishesAMessageOfItsOwn also checks that the placement's message does not change.
func TestCancel_PublishesAMessageOfItsOwn(t *testing.T) {
	service := apitest.Start(t, clock.NewManual(now))
	id, answer := placeOne(t, service)
	if resp, answer := cancel(id, `{"reason":"r"}`, "Idempotency-Key", "k").do(t, service); resp.StatusCode != 200 {
		t.Fatal(answer)
	}
	_, publisher := service.PublishWithout("nothing")
	records, err := publisher.Await(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	placed := strings.TrimSuffix(answer, `,"publication":{"state":"pending","attempts":0}}`) + "}"
	cancelled := `{"order_id":"` + id + `","reason":"r","cancelled_at":"2026-05-01T12:00:00.123Z",` +
		`"placed_at":"2026-05-01T12:00:00.123Z","currency":"GBP","total":1,"lines":[` + goodLine + `]}`
	for i, want := range []string{placed, cancelled} {
		if got := string(records[i].Value); got != want || string(records[i].Key) != id {
			t.Errorf("message %d of key %s is %s\nwant %s", i, records[i].Key, got, want)
		}
	}
	headers := map[string]string{}
	for _, h := range records[1].Headers {
		headers[h.Key] = string(h.Value)
	}
	for name, want := range map[string]string{
		"ce_type": "ORDER_CANCELLED", "ce_dataschema": "urn:ordertally:schema:order-cancelled:1", "ce_subject": id,
		"ce_time": "2026-05-01T12:00:00.123Z", "ce_source": event.Source, "content-type": "application/json",
	} {
		if headers[name] != want {
			t.Errorf("%s is %q, want %q", name, headers[name], want)
		}
	}
	if len(headers["ordertally_key"]) != 64 || headers["ce_id"] == "" {
		t.Errorf("headers %v", headers)
	}
	clocktest.Eventually(t, "both are known to be published", func() bool {
		_, answer := get("/v1/orders/"+id+"/delivery").do(t, service)
		var d orders.Delivery
		if err := json.Unmarshal([]byte(answer), &d); err != nil || len(d.Messages) != 2 {
			t.Fatalf("%s: %v", answer, err)
		}
		first, second := d.Messages[0], d.Messages[1]
		if first.Type != event.TypeCreated || second.Type != event.TypeCancelled || second.Sequence != 2 ||
			second.MessageID != headers["ce_id"] || d.MessageID != first.MessageID {
			t.Fatal(answer)
		}
		return first.State == orders.StatePublished && second.State == orders.StatePublished &&
			second.Topic == event.Topic
	})
}

// TestCancel_KeysBelongToTheirCaller also checks that an order placed ahead of the clock is not cancelled before its
// time.
func TestCancel_KeysBelongToTheirCaller(t *testing.T) {
	at := clock.NewManual(now)
	service := apitest.Start(t, at)
	orders, err := order.NewOrders(service.Store, at)
	if err != nil {
		t.Fatal(err)
	}
	id, _ := placeOne(t, service)
	at.Set(now.Add(-time.Minute))
	parsed, err := uuidv7.Parse(id)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := service.Store.Get(t.Context(), parsed)
	if err != nil {
		t.Fatal(err)
	}
	first, err := orders.Cancel(t.Context(), &stored, nil, "k", order.Origin{Caller: "a", By: "key:a"})
	if err != nil || first.Replayed || first.Cancellation.By != "key:a" ||
		!first.Cancellation.At.Equal(placedAt(t, &stored)) {
		t.Fatalf("%+v, %v", first, err)
	}
	if again, err := orders.Cancel(t.Context(), &stored, nil, "k", order.Origin{Caller: "a"}); err != nil ||
		!again.Replayed {
		t.Errorf("the same caller: %+v, %v", again, err)
	}
	for _, caller := range []string{"", "b"} {
		if _, err := orders.Cancel(t.Context(), &stored, nil, "k", order.Origin{Caller: caller}); err == nil {
			t.Errorf("caller %q replays the request of another", caller)
		}
	}
	if _, got := get("/v1/orders/"+id).do(t, service); !strings.Contains(got, `"cancelled_by":"key:a"`) {
		t.Error(got)
	}
}

func placedAt(t *testing.T, stored *order.Stored) time.Time {
	t.Helper()
	o, err := event.Decode(stored.Payload)
	if err != nil {
		t.Fatal(err)
	}
	return o.PlacedAt
}

package orderapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
)

type parkedPage struct {
	Parked []struct {
		ID          string    `json:"id"`
		OrderID     string    `json:"order_id"`
		Sequence    uint64    `json:"sequence"`
		Class       string    `json:"class"`
		Reason      string    `json:"reason"`
		Attempts    int       `json:"attempts"`
		FirstFailed time.Time `json:"first_failed_at"`
		LastFailed  time.Time `json:"last_failed_at"`
	} `json:"parked"`
	Next string `json:"next_cursor"`
}

func listParked(t *testing.T, service *apitest.Service, query string) (page parkedPage) {
	t.Helper()
	resp, answer := get("/v1/outbox/parked"+query).do(t, service)
	if err := json.Unmarshal([]byte(answer), &page, json.RejectUnknownMembers(true)); err != nil ||
		resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s: %v", resp.StatusCode, answer, err)
	}
	return page
}

const sickLine = `{"sku":"sick","quantity":1,"unit_price":1}`

// placeSick places n sick orders and waits until they are parked.
func placeSick(t *testing.T, service *apitest.Service, n int) {
	t.Helper()
	for range n {
		if resp, answer := post(body(sickLine)).do(t, service); resp.StatusCode != http.StatusCreated {
			t.Fatalf("%d %s", resp.StatusCode, answer)
		}
	}
	service.AwaitParked(n)
}

func decide(path, body string) call { return call{method: http.MethodPost, path: path, body: body} }

func TestParked_MessagesAreListedShownRetriedAndDiscarded(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	if page := listParked(t, service, ""); page.Parked == nil || len(page.Parked) != 0 {
		t.Fatalf("an empty list is %+v", page)
	}
	ill, publisher := service.PublishWithout("sick")
	placeSick(t, service, 3)
	first := listParked(t, service, "?limit=2&class=too_large")
	rest := listParked(t, service, "?limit=2&class=too_large&cursor="+first.Next)
	if len(first.Parked) != 2 || len(rest.Parked) != 1 || rest.Next != "" {
		t.Fatalf("pages %+v, %+v", first, rest)
	}
	m := first.Parked[0]
	if m.Sequence != 1 || m.Class != "too_large" || !strings.Contains(m.Reason, "limit") || m.Attempts != 1 ||
		m.FirstFailed.IsZero() || m.LastFailed.IsZero() {
		t.Errorf("listed as %+v", m)
	}
	if page := listParked(t, service, "?class=refused"); len(page.Parked) != 0 {
		t.Errorf("another class lists %+v", page)
	}
	_, order := get("/v1/orders/"+m.OrderID).do(t, service)
	if !strings.Contains(order, `"state":"parked"`) {
		t.Errorf("its order is %s", order)
	}
	if resp, answer := get("/v1/outbox/parked/"+m.ID).do(t, service); resp.StatusCode != http.StatusOK ||
		!strings.Contains(answer, `"payload":{"id":"`+m.OrderID) || !strings.Contains(answer, `"history":[]`) {
		t.Errorf("shown as %d %s", resp.StatusCode, answer)
	}

	if page := listParked(t, service, "?subject="+m.OrderID); len(page.Parked) != 1 || page.Parked[0].ID != m.ID {
		t.Errorf("of that order %+v", page)
	}
	resp, _ := get("/v1/outbox/parked?limit=1").do(t, service)
	if link := resp.Header.Get("Link"); link != "</v1/outbox/parked?cursor="+m.ID+`&limit=1>; rel="next"` {
		t.Errorf("the next page is %s", link)
	}
	if _, lines := get("/v1/outbox/parked/export").do(t, service); strings.Count(lines, "\n") != 3 ||
		strings.Count(lines, `"payload":{`) != 3 || strings.Contains(lines, "history") {
		t.Errorf("exported %s", lines)
	}

	ill.Store(false)
	if resp, answer := decide("/v1/outbox/parked/"+m.ID+"/retry", `{"reason":"limit raised"}`).do(t,
		service); resp.StatusCode != http.StatusOK || answer != `{"retried":1}` {
		t.Fatalf("retry: %d %s", resp.StatusCode, answer)
	}
	if resp, answer := decide("/v1/outbox/parked/"+m.ID+"/retry", `{}`).do(t,
		service); resp.StatusCode != http.StatusNotFound {
		t.Errorf("a second retry: %d %s", resp.StatusCode, answer)
	}
	other := first.Parked[1]
	if resp, answer := decide("/v1/outbox/parked/"+other.ID+"/discard", `{"reason":"a test"}`).do(t,
		service); resp.StatusCode != http.StatusOK || answer != `{"discarded":1}` {
		t.Fatalf("discard: %d %s", resp.StatusCode, answer)
	}
	if _, order := get("/v1/orders/"+other.OrderID).do(t, service); !strings.Contains(order, `"state":"discarded"`) {
		t.Errorf("its order is %s", order)
	}
	if resp, answer := decide("/v1/outbox/parked/retry", `{"class":"too_large"}`).do(t,
		service); resp.StatusCode != http.StatusOK || answer != `{"retried":1}` {
		t.Fatalf("mass retry: %d %s", resp.StatusCode, answer)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if records, err := publisher.Await(ctx, 2); err != nil || len(records) != 2 {
		t.Fatalf("%d published, %v", len(records), err)
	}
	service.AwaitParked(0)
	if _, audit := get("/v1/outbox/audit").do(t, service); strings.Count(audit, `"verb":"retry"`) != 2 ||
		!strings.Contains(audit, `"verb":"discard","id":"`+other.ID+`"`) ||
		!strings.Contains(audit, `"subject":"`+m.OrderID+`"`) {
		t.Errorf("the audit has %s", audit)
	}
}

// TestParked_ABadDecisionChangesNothing checks that each request gets its problem and nothing changes.
func TestParked_ABadDecisionChangesNothing(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	service.PublishWithout("sick")
	placeSick(t, service, 1)
	id := listParked(t, service, "").Parked[0].ID
	service.StopRelay()
	before := service.Transactions()
	const unknown = "/v1/outbox/parked/01890a5d-ac96-774b-8000-a8b45f0c6d21"
	for _, c := range []struct {
		call   call
		status int
		code   string
	}{
		{get(unknown), 404, "not_found"},
		{get("/v1/outbox/parked/1"), 404, "not_found"},
		{get("/v1/outbox/parked?class=wrong"), 400, "invalid_parameter"},
		{get("/v1/outbox/parked?before=yesterday"), 400, "invalid_parameter"},
		{get("/v1/outbox/parked?limit=0"), 400, "invalid_parameter"},
		{get("/v1/outbox/parked?cursor=abc"), 400, "invalid_parameter"},
		{get("/v1/outbox/parked?state=x"), 400, "invalid_parameter"},
		{decide(unknown+"/retry", `{}`), 404, "not_found"},
		{decide("/v1/outbox/parked/"+id+"/discard", `{}`), 422, "invalid_decision"},
		{decide("/v1/outbox/parked/"+id+"/retry", ``), 400, "malformed_json"},
		{decide("/v1/outbox/parked/"+id+"/retry", `null`), 400, "malformed_json"},
		{decide("/v1/outbox/parked/"+id+"/retry", `{}{}`), 400, "malformed_json"},
		{decide("/v1/outbox/parked/"+id+"/retry", `[]`), 400, "malformed_json"},
		{decide("/v1/outbox/parked/"+id+"/retry", `{"reason":null}`), 422, "invalid_decision"},
		{decide("/v1/outbox/parked/retry", `{"all":true,"subject":null}`), 422, "invalid_decision"},
		{decide("/v1/outbox/parked/"+id+"/retry", `{"reason":"a","reason":"b"}`), 400, "malformed_json"},
		{decide("/v1/outbox/parked/"+id+"/retry", `{"reason":1}`), 422, "invalid_decision"},
		{decide("/v1/outbox/parked/"+id+"/retry", `{"why":"a"}`), 422, "invalid_decision"},
		{decide("/v1/outbox/parked/"+id+"/retry", `{"all":true}`), 422, "invalid_decision"},
		{decide("/v1/outbox/parked/"+id+"/retry", `{"reason":"`+strings.Repeat("x", 501)+`"}`), 422,
			"invalid_decision"},
		{decide("/v1/outbox/parked/"+id+"/retry", `{"reason":"`+strings.Repeat("x", 5000)+`"}`), 413, "body_too_large"},
		{decide("/v1/outbox/parked/"+id+"/retry", `{"all":false}`), 422, "invalid_decision"},
		{decide("/v1/outbox/parked/"+id+"/retry", `{"reason":`+strings.Repeat("[", 32)+strings.Repeat("]", 32)+`}`),
			400, "malformed_json"},
		{decide("/v1/outbox/parked/"+id+"/retry", `{"reason":"\u001b[2J"}`), 422, "invalid_decision"},
		{decide("/v1/outbox/parked/"+id+"/discard", `{"reason":" \u00a0"}`), 422, "invalid_decision"},
		{decide("/v1/outbox/parked/discard", `{"reason":"x","all":true,"before":"0001-01-01T00:00:00Z"}`), 422,
			"invalid_decision"},
		{decide("/v1/outbox/parked/discard", `{"reason":"x","class":"too_large","before":"0001-01-01T00:00:00Z"}`), 422,
			"invalid_decision"},
		{decide("/v1/outbox/parked/retry", `{}`), 422, "invalid_decision"},
		{decide("/v1/outbox/parked/retry", `{"all":true,"class":"too_large"}`), 422, "invalid_decision"},
		{decide("/v1/outbox/parked/retry", `{"class":"wrong"}`), 422, "invalid_decision"},
		{decide("/v1/outbox/parked/retry", `{"before":"yesterday"}`), 422, "invalid_decision"},
		{decide("/v1/outbox/parked/discard", `{"all":true}`), 422, "invalid_decision"},
		{get("/v1/outbox?all=1"), 400, "invalid_parameter"},
		{on(http.MethodGet, "/v1/outbox/parked/retry"), 405, "method_not_allowed"},
		{on(http.MethodDelete, "/v1/outbox/parked/"+id), 405, "method_not_allowed"},
	} {
		resp, answer := c.call.do(t, service)
		if resp.StatusCode != c.status || !strings.Contains(answer, `"code":"`+c.code+`"`) {
			t.Errorf("%s %s %.60s: %d %s, want %d %s", c.call.method, c.call.path, c.call.body, resp.StatusCode, answer,
				c.status, c.code)
		}
	}
	if after := service.Transactions(); after != before {
		t.Errorf("%d transactions were written", after-before)
	}
}

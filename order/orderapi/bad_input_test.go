package orderapi_test

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"ordertally/order"
	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
	"ordertally/shared/web/problem"
)

const goodLine = `{"sku":"a","quantity":1,"unit_price":1}`

func body(lines string, members ...string) string {
	return `{"currency":"GBP","lines":[` + lines + `]` + strings.Join(append([]string{""}, members...), ",") + `}`
}

// call is one request. Empty fields are left out.
type call struct {
	method, path, body string
	header             http.Header
}

func (c call) do(t *testing.T, service *apitest.Service) (*http.Response, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), c.method, service.URL+c.path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	if c.method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, values := range c.header {
		req.Header[name] = values
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(answer)
}

func post(body string, header ...string) call {
	c := call{method: http.MethodPost, path: "/v1/orders", body: body, header: http.Header{}}
	for i := 0; i < len(header); i += 2 {
		c.header[header[i]] = append(c.header[header[i]], header[i+1])
	}
	return c
}

func get(path string) call { return call{method: http.MethodGet, path: path} }

func on(method, path string) call { return call{method: method, path: path} }

// TestBadInput checks that each request gets the problem that the contract names, and that nothing is stored.
func TestBadInput(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	if resp, answer := post(body(goodLine), "Idempotency-Key", "used").do(t,
		service); resp.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	cursorOfOthers := nextCursor(t, service)
	before := service.Transactions()
	for _, c := range []struct {
		name   string
		call   call
		status int
		code   string
		rule   string // of the first error, after its pointer
	}{
		{"empty body", post(``), 400, "malformed_json", " empty_body"},
		{"not JSON", post(`currency=GBP`), 400, "malformed_json", " syntax"},
		{"half an object", post(`{"currency":"GBP","lines":[`), 400, "malformed_json", "/lines syntax"},
		{"two values", post(body(goodLine) + body(goodLine)), 400, "malformed_json", " trailing_data"},
		{"an array", post(`[` + body(goodLine) + `]`), 400, "malformed_json", " not_an_object"},
		{"repeated field", post(body(goodLine, `"currency":"GBP"`)), 400, "malformed_json", "/currency repeated_name"},
		{"repeated field in a line", post(body(`{"sku":"a","sku":"a","quantity":1,"unit_price":1}`)), 400,
			"malformed_json", "/lines/0/sku repeated_name"},
		{"invalid UTF-8", post(body(goodLine, "\"reference\":\"\xff\"")), 400, "malformed_json",
			"/reference invalid_utf8"},
		{"lone surrogate", post(body(goodLine, `"reference":"\udfff"`)), 400, "malformed_json", "/reference syntax"},
		{"33 deep", post(body(goodLine, `"x":`+strings.Repeat("[", 32)+strings.Repeat("]", 32))), 400, "malformed_json",
			"/x" + strings.Repeat("/0", 31) + " too_deep"},
		{"half a million deep", post(strings.Repeat("[", 500_000)), 400, "malformed_json", " not_an_object"},

		{"unknown field", post(body(goodLine, `"note":"x"`)), 422, "invalid_order", "/note unknown_field"},
		{"id given", post(body(goodLine, `"id":"01890a5d-ac96-774b-8000-a8b45f0c6d21"`)), 422, "invalid_order",
			"/id computed_field"},
		{"total given", post(body(goodLine, `"total":1`)), 422, "invalid_order", "/total computed_field"},
		{"publication given", post(body(goodLine, `"publication":{}`)), 422, "invalid_order",
			"/publication computed_field"},
		{"no lines", post(body(``)), 422, "invalid_order", "/lines empty"},
		{"2001 lines", post(body(goodLine + strings.Repeat(","+goodLine, 2000))), 422, "invalid_order",
			"/lines too_many"},
		{"no currency", post(`{"lines":[` + goodLine + `]}`), 422, "invalid_order", "/currency required"},
		{"wrong type", post(body(`{"sku":1,"quantity":1,"unit_price":1}`)), 422, "invalid_order",
			"/lines/0/sku wrong_type"},
		{"null", post(body(goodLine, `"customer_id":null`)), 422, "invalid_order", "/customer_id wrong_type"},
		{"quantity 0", post(body(`{"sku":"a","quantity":0,"unit_price":1}`)), 422, "invalid_order",
			"/lines/0/quantity out_of_range"},
		{"quantity 10^9+1", post(body(`{"sku":"a","quantity":1000000001,"unit_price":1}`)), 422, "invalid_order",
			"/lines/0/quantity out_of_range"},
		{"a fraction", post(body(`{"sku":"a","quantity":1,"unit_price":2.55}`)), 422, "invalid_order",
			"/lines/0/unit_price not_an_integer"},
		{"negative price", post(body(`{"sku":"a","quantity":1,"unit_price":-1}`)), 422, "invalid_order",
			"/lines/0/unit_price out_of_range"},
		{"price over 2^63-1", post(body(`{"sku":"a","quantity":1,"unit_price":9223372036854775808}`)), 422,
			"invalid_order", "/lines/0/unit_price out_of_range"},
		{"line overflows", post(body(`{"sku":"a","quantity":2,"unit_price":9223372036854775807}`)), 422,
			"invalid_order", "/lines/0 overflow"},
		{"total overflows", post(body(`{"sku":"a","quantity":1,"unit_price":9223372036854775807},` + goodLine)), 422,
			"invalid_order", "/lines overflow"},
		{"unknown currency", post(`{"currency":"ZZZ","lines":[` + goodLine + `]}`), 422, "invalid_order",
			"/currency unknown_currency"},
		{"a date that does not exist", post(body(goodLine, `"placed_at":"2010-02-29T00:00:00Z"`)), 422, "invalid_order",
			"/placed_at invalid_time"},
		{"the future", post(body(goodLine, `"placed_at":"9999-12-31T23:59:59Z"`)), 422, "invalid_order",
			"/placed_at out_of_range"},
		{"before 1970", post(body(goodLine, `"placed_at":"1969-12-31T23:59:59Z"`)), 422, "invalid_order",
			"/placed_at out_of_range"},
		{"reference of 129", post(body(goodLine, `"reference":"`+strings.Repeat("é", 129)+`"`)), 422, "invalid_order",
			"/reference too_long"},
		{"control character", post(body(goodLine, `"reference":"a\u0000"`)), 422, "invalid_order",
			"/reference invalid_character"},

		{"over 1 MiB", post(body(goodLine) + strings.Repeat(" ", order.MaxBody)), 413, "body_too_large", ""},
		{"no JSON's media type", post(body(goodLine), "Content-Type", "text/plain"), 415, "unsupported_media_type", ""},
		{"compressed", post(body(goodLine), "Content-Encoding", "gzip"), 415, "unsupported_media_type", ""},

		{"empty key", post(body(goodLine), "Idempotency-Key", ""), 400, "invalid_idempotency_key", ""},
		{"key with a space", post(body(goodLine), "Idempotency-Key", "a b"), 400, "invalid_idempotency_key", ""},
		{"key not ASCII", post(body(goodLine), "Idempotency-Key", "é"), 400, "invalid_idempotency_key", ""},
		{"key of 256", post(body(goodLine), "Idempotency-Key", strings.Repeat("k", 256)), 400,
			"invalid_idempotency_key", ""},
		{"two keys", post(body(goodLine), "Idempotency-Key", "a", "Idempotency-Key", "b"), 400,
			"invalid_idempotency_key", ""},
		{"key used with another body", post(body(goodLine, `"customer_id":"c"`), "Idempotency-Key", "used"), 422,
			"idempotency_key_reused", ""},
		{"placing with a parameter", call{method: "POST", path: "/v1/orders?dry_run=true", body: body(goodLine)}, 400,
			"invalid_parameter", ""},

		{"no UUID", get("/v1/orders/1"), 404, "not_found", ""},
		{"a UUID of version 4", get("/v1/orders/936da01f-9abd-4d9d-80c7-02af85c822a8"), 404, "not_found", ""},
		{"in upper case", get("/v1/orders/01890A5D-AC96-774B-8000-A8B45F0C6D21"), 404, "not_found", ""},
		{"no order of that id", get("/v1/orders/01890a5d-ac96-774b-8000-a8b45f0c6d21"), 404, "not_found", ""},
		{"an order with a parameter", get("/v1/orders/01890a5d-ac96-774b-8000-a8b45f0c6d21?x=1"), 400,
			"invalid_parameter", ""},
		{"unknown parameter", get("/v1/orders?customer=1"), 400, "invalid_parameter", ""},
		{"repeated parameter", get("/v1/orders?limit=1&limit=2"), 400, "invalid_parameter", ""},
		{"malformed query", get("/v1/orders?limit=%zz"), 400, "invalid_parameter", ""},
		{"limit 0", get("/v1/orders?limit=0"), 400, "invalid_parameter", ""},
		{"limit 201", get("/v1/orders?limit=201"), 400, "invalid_parameter", ""},
		{"limit empty", get("/v1/orders?limit="), 400, "invalid_parameter", ""},
		{"limit with a plus", get("/v1/orders?limit=%2B5"), 400, "invalid_parameter", ""},
		{"limit with zeros", get("/v1/orders?limit=00005"), 400, "invalid_parameter", ""},
		{"from an hour of one digit", get("/v1/orders?placed_from=2010-12-01T8:00:00Z"), 400, "invalid_parameter", ""},
		{"to with a comma", get("/v1/orders?placed_to=2010-12-01T08:00:00,5Z"), 400, "invalid_parameter", ""},
		{"limit overflows", get("/v1/orders?limit=99999999999999999999"), 400, "invalid_parameter", ""},
		{"from no time", get("/v1/orders?placed_from=2010-12-01"), 400, "invalid_parameter", ""},
		{"from a date that does not exist", get("/v1/orders?placed_from=2010-02-29T00:00:00Z"), 400,
			"invalid_parameter", ""},
		{"to before from", get("/v1/orders?placed_from=2010-12-02T00:00:00Z&placed_to=2010-12-01T00:00:00Z"), 400,
			"invalid_parameter", ""},
		{"customer empty", get("/v1/orders?customer_id="), 400, "invalid_parameter", ""},
		{"customer not UTF-8", get("/v1/orders?customer_id=%ff"), 400, "invalid_parameter", ""},
		{"customer with NUL", get("/v1/orders?customer_id=a%00"), 400, "invalid_parameter", ""},
		{"status unknown", get("/v1/orders?status=shipped"), 400, "invalid_parameter", ""},
		{"status empty", get("/v1/orders?status="), 400, "invalid_parameter", ""},
		{"publication unknown", get("/v1/orders?publication=backlog"), 400, "invalid_parameter", ""},
		{"currency in lower case", get("/v1/orders?currency=gbp"), 400, "invalid_parameter", ""},
		{"currency unknown", get("/v1/orders?currency=XXX"), 400, "invalid_parameter", ""},
		{"cursor empty", get("/v1/orders?cursor="), 400, "invalid_parameter", ""},
		{"cursor made up", get("/v1/orders?cursor=AQEBAQEBAQEBAQEBAQEBAQEBAQEB"), 400, "invalid_parameter", ""},
		{"cursor changed", get("/v1/orders?customer_id=c&limit=1&cursor=" + flipped(cursorOfOthers)), 400,
			"invalid_parameter", ""},
		{"cursor of other filters", get("/v1/orders?limit=1&cursor=" + cursorOfOthers), 400, "invalid_parameter", ""},

		{"no such path", get("/v1/order"), 404, "not_found", ""},
		{"trailing slash", get("/v1/orders/"), 404, "not_found", ""},
		{"below an order", get("/v1/orders/01890a5d-ac96-774b-8000-a8b45f0c6d21/x"), 404, "not_found", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp, answer := c.call.do(t, service)
			var p problem.Problem
			if err := json.Unmarshal([]byte(answer), &p); err != nil {
				t.Fatalf("%d %q: %v", resp.StatusCode, answer, err)
			}
			if resp.StatusCode != c.status || p.Status != c.status || p.Code != c.code ||
				resp.Header.Get("Content-Type") != problem.ContentType || p.Title == "" {
				t.Fatalf("got %d %s, want %d %s", resp.StatusCode, answer, c.status, c.code)
			}
			rule := ""
			if len(p.Errors) > 0 {
				rule = p.Errors[0].Pointer + " " + p.Errors[0].Code
			}
			if rule != c.rule || p.Detail == "" {
				t.Fatalf("got %q, want %q: %s", rule, c.rule, answer)
			}
			if after := service.Transactions(); after != before {
				t.Fatalf("%d transactions were written", after-before)
			}
			if page, err := service.Store.List(t.Context(), order.Query{Limit: 200}); err != nil ||
				len(page.Orders) != 4 {
				t.Fatalf("%d orders are stored, %v", len(page.Orders), err)
			}
		})
	}
}

// nextCursor places three orders of customer c and returns the cursor of the second page.
func nextCursor(t *testing.T, service *apitest.Service) string {
	t.Helper()
	for range 3 {
		if resp, answer := post(body(goodLine, `"customer_id":"c"`)).do(t,
			service); resp.StatusCode != http.StatusCreated {
			t.Fatalf("%d %s", resp.StatusCode, answer)
		}
	}
	_, answer := get("/v1/orders?customer_id=c&limit=1").do(t, service)
	var page struct {
		NextCursor string `json:"next_cursor"`
	}
	if err := json.Unmarshal([]byte(answer), &page); err != nil || page.NextCursor == "" {
		t.Fatalf("%s: %v", answer, err)
	}
	return page.NextCursor
}

func flipped(cursor string) string {
	b := []byte(cursor)
	b[5] ^= 1
	return string(b)
}

// TestMethods tries every route with every method, so that no 405 turns into a 404.
func TestMethods(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	const missing = "/v1/orders/01890a5d-ac96-774b-8000-a8b45f0c6d21"
	allowed := map[string]map[string]int{
		"/v1/orders": {"GET": 200, "HEAD": 200, "POST": 415},
		missing:      {"GET": 404, "HEAD": 404},
	}
	for path, methods := range allowed {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE",
			"PROPFIND"} {
			c := on(method, path)
			c.header = http.Header{"Content-Type": {"text/plain"}}
			resp, answer := c.do(t, service)
			want, known := methods[method]
			if !known {
				want = http.StatusMethodNotAllowed
			}
			if resp.StatusCode != want {
				t.Errorf("%s %s: %d %s, want %d", method, path, resp.StatusCode, answer, want)
			}
			if allow := resp.Header.Get("Allow"); !known &&
				(allow == "" || len(strings.Split(allow, ", ")) != len(methods)) {
				t.Errorf("%s %s: Allow is %q", method, path, allow)
			}
			if method == "HEAD" && answer != "" {
				t.Errorf("HEAD %s has a body", path)
			}
		}
	}
}

// TestPlace_HalfARequestIsNoSuccess has a client stop sending in the middle of its body and keep reading. It must not
// read a success.
func TestPlace_HalfARequestIsNoSuccess(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	before := service.Transactions()
	for _, path := range []string{"/v1/orders", "/v1/outbox/parked/discard"} {
		conn, err := net.Dial("tcp", strings.TrimPrefix(service.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_, _ = io.WriteString(conn, "POST "+path+
			" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"currency\":")
		if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if answer, err := io.ReadAll(conn); err != nil || len(answer) > 0 {
			t.Errorf("%s: %q, %v", path, answer, err)
		}
	}
	if after := service.Transactions(); after != before {
		t.Errorf("%d transactions were written", after-before)
	}
}

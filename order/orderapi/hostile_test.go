package orderapi_test

import (
	"fmt"
	"strings"
	"testing"

	"ordertally/order/orderapi/apitest"
	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
	"ordertally/shared/clock"
	"ordertally/shared/web/hostiletest"
)

// TestHostileRequests sends order what nobody should send. See [hostiletest.Table.Run] for the expected answers.
func TestHostileRequests(t *testing.T) {
	manual := clock.NewManual(now)
	s := apitest.Start(t, manual)
	shop := authtest.Key(t, s.Keys, auth.OrdersWrite, auth.OrdersRead)
	reader := authtest.Key(t, s.Keys, auth.OrdersRead)
	writer := authtest.Key(t, s.Keys, auth.OrdersWrite)
	operator := authtest.Key(t, s.Keys, auth.OpsRead, auth.OpsWrite)
	expired, revoked := authtest.Useless(t, s.Keys, manual, auth.OrdersWrite)
	_, theirs, _, _ := placeAs(t, s, shop, "", small)

	as, raw, with := hostiletest.Bearer, hostiletest.Raw,
		func(member string) string { return hostiletest.With(small, member) }
	var table hostiletest.Table
	add := table.Add
	place := func(body string, headers ...string) string {
		return raw("POST /v1/orders", body, append(headers, as(shop))...)
	}

	table.Category("API1 Broken Object Level Authorization")
	add("an order, with a key for placing only", 403, "insufficient_scope",
		raw("GET /v1/orders/"+theirs, "", as(writer)))
	add("its delivery, likewise", 403, "insufficient_scope", raw("GET /v1/orders/"+theirs+"/delivery", "", as(writer)))
	add("whether it was counted, likewise", 403, "insufficient_scope",
		raw("GET /v1/orders/"+theirs+"/counting", "", as(writer)))
	add("the last hour, with a customer's key", 403, "insufficient_scope", raw("GET /v1/history", "", as(shop)))
	add("all orders, with an operator's key", 403, "insufficient_scope", raw("GET /v1/orders", "", as(operator)))
	for _, id := range []string{
		"0", "1", "-1", "00000000-0000-0000-0000-000000000000", "936da01f-9abd-4d9d-80c7-02af85c822a8",
		strings.ToUpper(theirs), theirs + "%20",
		theirs + "%00", "'%20OR%201=1--", "%22;DROP%20TABLE%20orders;--", "$ne", "*", "%2e%2e%2forders",
		"..%5c..%5corders", "{" + theirs + "}",
		strings.ReplaceAll(theirs, "-", ""), strings.Repeat("a", 2000), "%F0%9F%92%A9", "null", "undefined",
	} {
		add("the id "+id[:min(len(id), 20)], 404, "not_found", raw("GET /v1/orders/"+id, "", as(reader)))
	}
	add("a parked message that is not there", 404, "not_found", raw("GET /v1/outbox/parked/"+theirs, "", as(operator)))
	add("a parked message, with a customer's key", 403, "insufficient_scope",
		raw("GET /v1/outbox/parked/"+theirs, "", as(shop)))

	table.Category("API2 Broken Authentication")
	for name, header := range hostiletest.Credentials(shop, expired, revoked) {
		add(name, 401, "unauthenticated", raw("POST /v1/orders", small, header))
	}
	add("the key in the query", 401, "unauthenticated", raw("GET /v1/orders?access_token="+shop, ""))

	table.Category("API3 Broken Object Property Level Authorization")
	for _, member := range []string{
		`"id":"` + theirs + `"`, `"total":0`, `"publication":{"state":"published"}`, `"state":"published"`,
		`"status":"paid"`, `"discount":100`, `"is_admin":true`,
		`"role":"admin"`, `"scopes":["ops:write"]`, `"caller":"someone"`, `"created_at":"2010-12-01T00:00:00Z"`,
		`"__proto__":{"admin":true}`, `"constructor":{}`,
		`"Currency":"EUR"`, `"_id":1`, `"$where":"1"`, `"metadata":{"a":1}`, `"metadata":{"":"x"}`,
		`"metadata":{"a":null}`, `"metadata":[]`,
	} {
		add("the member "+member, 422, "invalid_order", place(with(member)))
	}
	add("a line's total", 422, "invalid_order", place(strings.Replace(small, `"quantity"`, `"total":0,"quantity"`, 1)))
	add("a line's currency", 422, "invalid_order",
		place(strings.Replace(small, `"quantity"`, `"currency":"XXX","quantity"`, 1)))

	table.Category("API4 Unrestricted Resource Consumption")
	add("a body over 1 MiB", 413, "body_too_large", place(small+strings.Repeat(" ", 1<<20)))
	add("a length of a terabyte", 413, "body_too_large", place(small, "Content-Length: 1099511627776"))
	add("a header over 64 KiB", 431, "", place(small, "X-Long: "+strings.Repeat("x", 80<<10)))
	add("5,000 headers", 431, "", place(small,
		strings.Split(strings.Repeat("X-Many: x23456789012345\n", 5000), "\n")[:5000]...))
	add("a path over 64 KiB", 431, "", raw("GET /v1/orders/"+strings.Repeat("x", 80<<10), "", as(shop)))
	add("arrays 100,000 deep", 400, "malformed_json", place(with(`"x":`+strings.Repeat("[", 100_000))))
	add("objects 100,000 deep", 400, "malformed_json", place(with(`"x":`+strings.Repeat(`{"a":`, 100_000))))
	add("2,001 lines", 422, "invalid_order",
		place(`{"currency":"GBP","lines":[`+strings.Repeat(goodLine+",", 2000)+goodLine+`]}`))
	add("33 entries of metadata", 422, "invalid_order", place(with(`"metadata":{`+manyMembers(33)+`}`)))
	add("a number of 100,000 digits", 422, "invalid_order",
		place(strings.Replace(small, `"quantity":1`, `"quantity":`+strings.Repeat("9", 100_000), 1)))
	add("an exponent", 422, "invalid_order", place(strings.Replace(small, `"quantity":1`, `"quantity":1e999999999`, 1)))
	for name, query := range map[string]string{
		"limit 0": "limit=0", "limit -1": "limit=-1", "limit 201": "limit=201",
		"limit 2^63": "limit=9223372036854775808", "limit 1e9": "limit=1e9", "limit of text": "limit=all",
		"a limit twice": "limit=1&limit=2", "10,000 parameters": strings.Repeat("limit=1&", 7000) + "limit=1",
		"a made-up cursor": "cursor=AQEBAQEBAQEBAQEBAQEBAQEBAQEB",
		"a long cursor":    "cursor=" + strings.Repeat("A", 10_000), "a cursor that is no base64": "cursor=%2F%2F%2F",
		"an offset": "offset=1000000000", "a sort": "sort=price", "all fields": "fields=*",
		"a range of ever": "placed_from=0000-00-00T00:00:00Z", "a filter of operators": "customer_id[$ne]=1",
		"a customer of 10,000": "customer_id=" + strings.Repeat("c", 10_000),
	} {
		add(name, 400, "invalid_parameter", raw("GET /v1/orders?"+query, "", as(shop)))
	}

	table.Category("API5 Broken Function Level Authorization")
	for _, line := range []string{
		"GET /v1/outbox", "GET /v1/outbox/parked", "POST /v1/outbox/partitions",
		"POST /v1/outbox/parked/retry",
		"POST /v1/outbox/parked/discard", "GET /v1/orders/digests",
		"POST /v1/outbox/parked/" + theirs + "/retry", "POST /v1/outbox/parked/" + theirs + "/discard",
	} {
		body := ""
		if strings.HasPrefix(line, "POST") {
			body = `{"all":true,"reason":"x"}`
		}
		add("a customer's "+line, 403, "insufficient_scope", raw(line, body, as(shop)))
		add("nobody's "+line, 401, "unauthenticated", raw(line, body))
	}
	for _, method := range []string{"PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "LINK", "get", "POSTX"} {
		table.NotAllowed(method+" on all orders", "GET, HEAD, POST", raw(method+" /v1/orders", "", as(operator)))
		table.NotAllowed(method+" on an order", "GET, HEAD", raw(method+" /v1/orders/"+theirs, "", as(operator)))
	}
	table.NotAllowed("a method in a header", "GET, HEAD",
		raw("POST /v1/orders/"+theirs, "{}", as(shop), "X-HTTP-Method-Override: DELETE"))
	add("CONNECT", 404, "not_found", raw("CONNECT order:443", ""))

	table.Category("API6 Unrestricted Access to Sensitive Business Flows")
	add("an order of last year", 403, "insufficient_scope", place(with(`"placed_at":"2025-05-01T00:00:00Z"`)))
	add("an order of tomorrow", 422, "invalid_order", place(with(`"placed_at":"2026-05-02T15:00:00Z"`)))
	for name, line := range map[string]string{
		"a negative quantity": `"quantity":-1,"unit_price":1`, "nothing": `"quantity":0,"unit_price":1`,
		"a negative price": `"quantity":1,"unit_price":-1`, "half a penny": `"quantity":1,"unit_price":0.5`,
		"a price of text":           `"quantity":1,"unit_price":"1"`,
		"a price that overflows":    `"quantity":2,"unit_price":9223372036854775807`,
		"minus a hundredth":         `"quantity":1,"unit_price":-0.01e1`,
		"a billion digits":          `"quantity":1e999999999,"unit_price":1`,
		"a quantity in hexadecimal": `"quantity":1,"unit_price":true`,
	} {
		add(name, 422, "invalid_order", place(`{"currency":"GBP","lines":[{"sku":"a",`+line+`}]}`))
	}
	add("money that is none", 422, "invalid_order", place(strings.Replace(small, "GBP", "BTC", 1)))
	add("gold", 422, "invalid_order", place(strings.Replace(small, "GBP", "XAU", 1)))

	table.Category("API7 Server Side Request Forgery")
	for _, member := range []string{
		`"callback_url":"http://169.254.169.254/latest/meta-data/"`, `"webhook":"file:///etc/passwd"`,
		`"image":"gopher://127.0.0.1:9092/"`, `"$schema":"http://127.0.0.1:8081/metrics"`, `"$ref":"http://127.0.0.1/"`,
	} {
		add("the member "+member[:14], 422, "invalid_order", place(with(member)))
	}
	add("a request for another host", 404, "not_found",
		raw("GET http://169.254.169.254/latest/meta-data/", "", as(shop)))

	table.Category("API8 Security Misconfiguration")
	for _, path := range []string{
		"/metrics", "/livez", "/loglevel", "/debug/pprof/", "/debug/vars", "/.env", "/.git/config", "/etc/passwd",
		"/order.db", "/actuator/health", "/server-status", "/favicon.ico",
		"/assets/../../order.db", "/assets/%2e%2e/%2e%2e/order.db", "/assets/..%2f..%2forder.db", "/v1/../v1/orders",
		"//v1/orders", "/v1//orders", "/v1/orders/", "/v1/orders;x=1", "/v1/orders%2f", "/v1/orders%00",
		"/v1/orders.json",
	} {
		add(path, 404, "not_found", raw("GET "+path, "", as(shop)))
	}
	for name, kind := range hostiletest.MediaTypes() {
		add("a body of "+name, 415, "unsupported_media_type", place(small, "Content-Type: "+kind))
	}
	add("a body in gzip", 415, "unsupported_media_type", place(small, "Content-Encoding: gzip"))
	add("two content types", 415, "unsupported_media_type",
		place(small, "Content-Type: application/json", "Content-Type: text/plain"))
	add("length and chunks", 400, "malformed_json",
		place("0\r\n\r\n"+small, "Content-Length: 200", "Transfer-Encoding: chunked"))
	table.Framing("/v1/orders")
	add("chunks that are none", 400, "body_unreadable", place("zz\r\n", "Transfer-Encoding: chunked"))

	table.Category("API9 Improper Inventory Management")
	for _, path := range []string{
		"/orders", "/v0/orders", "/v2/orders", "/v1.1/orders", "/api/v1/orders", "/V1/orders", "/v1/Orders",
		"/v1/order", "/v1/orders/" + theirs + "/refund", "/v1/admin", "/v1/key", "/v1/users", "/internal/orders",
		"/beta/orders", "/swagger", "/graphql",
	} {
		add(path, 404, "not_found", raw("GET "+path, "", as(shop)))
	}

	table.Category("API10 Unsafe Consumption of APIs")
	for name, body := range hostiletest.Malformed(small, "currency", "reference") {
		add(name, 400, "malformed_json", place(body))
	}
	for name, member := range map[string]string{
		"a null": `"customer_id":null`, "a NUL": `"reference":"a\u0000b"`, "an escape": `"reference":"\u001b[2J"`,
		"a line separator":   `"reference":"a\u0085b"`,
		"a reference of 129": `"reference":"` + strings.Repeat("x", 129) + `"`, "a number for a text": `"reference":1`,
		"a time of text": `"placed_at":"yesterday"`, "a leap second of noon": `"placed_at":"2016-12-31T12:00:60Z"`,
	} {
		add(name, 422, "invalid_order", place(with(member)))
	}
	for name, key := range map[string]string{
		"empty": "", "a space": "a b", "256 characters": strings.Repeat("k", 256), "not ASCII": "ключ", "a tab": "a\tb",
		"twice": "a\r\nIdempotency-Key: b",
	} {
		add("a key that is "+name, 400, "invalid_idempotency_key", place(small, "Idempotency-Key: "+key))
	}

	all := auth.Scopes()
	others := authtest.Key(t, s.Keys, all[:len(all)-1]...)
	authtest.HostileKeys(&table, authtest.Key(t, s.Keys, auth.KeysWrite), others, others[3:13])

	table.Run(t, strings.TrimPrefix(s.URL, "http://"), s.Path())
}

func manyMembers(n int) string {
	var members []string
	for i := range n {
		members = append(members, fmt.Sprintf(`"m%d":"x"`, i))
	}
	return strings.Join(members, ",")
}

package orderapi_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"ordertally/order/orderapi/apitest"
	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
	"ordertally/shared/clock"
	"ordertally/shared/problem"
)

// attack is one request, written to the connection as it stands, and what it must get: a status and a problem's code, "" for the answers
// that net/http gives by itself.
type attack struct {
	name    string
	request string
	status  int
	code    string
}

// raw writes a request. Each header is a line; a body brings its length and, unless the headers name another, its type.
func raw(line, body string, headers ...string) string {
	var b strings.Builder
	b.WriteString(line + " HTTP/1.1\r\nHost: order\r\nConnection: close\r\n")
	all := strings.ToLower(strings.Join(headers, "\n"))
	if body != "" && !strings.Contains(all, "content-type") {
		b.WriteString("Content-Type: application/json\r\n")
	}
	if body != "" && !strings.Contains(all, "content-length") && !strings.Contains(all, "transfer-encoding") {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	for _, h := range headers {
		b.WriteString(h + "\r\n")
	}
	return b.String() + "\r\n" + body
}

// send returns the answer to an attack; its code is "" when it is no problem.
func (a attack) send(t *testing.T, addr string) (status int, code string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { _, _ = io.WriteString(conn, a.request) }() // the server may answer before it has read all
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: strings.SplitN(a.request, " ", 2)[0]})
	if err != nil {
		t.Fatalf("%s: no answer: %v", a.name, err)
	}
	defer func() { _ = response.Body.Close() }()
	text, _ := io.ReadAll(response.Body)
	if response.Header.Get("Content-Type") == problem.ContentType {
		var p problem.Problem
		if err := json.Unmarshal(text, &p); err != nil || p.Status != response.StatusCode {
			t.Errorf("%s: the problem %s", a.name, text)
		}
		code = p.Code
	}
	return response.StatusCode, code
}

// TestHostileRequests goes over the OWASP API Security Top 10 of 2023. Each request gets the 4xx that the contract names, and the file is
// the same, byte for byte, after all of them.
func TestHostileRequests(t *testing.T) {
	manual := clock.NewManual(now)
	s := apitest.Start(t, manual)
	shop := authtest.Key(t, s.Keys, auth.OrdersWrite, auth.OrdersRead)
	reader := authtest.Key(t, s.Keys, auth.OrdersRead)
	writer := authtest.Key(t, s.Keys, auth.OrdersWrite)
	operator := authtest.Key(t, s.Keys, auth.OpsRead, auth.OpsWrite)
	_, expired, err := s.Keys.New(t.Context(), "old", []string{auth.OrdersWrite}, now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	gone, revoked, err := s.Keys.New(t.Context(), "gone", []string{auth.OrdersWrite}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Keys.Revoke(t.Context(), gone.ID); err != nil {
		t.Fatal(err)
	}
	manual.Advance(2 * time.Hour)
	_, theirs, _, _ := placeAs(t, s, shop, "", small)

	as := func(credential string) string { return "Authorization: Bearer " + credential }
	var all []attack
	category := ""
	add := func(name string, status int, code, request string) {
		all = append(all, attack{category + ": " + name, request, status, code})
	}
	place := func(body string, headers ...string) string {
		return raw("POST /v1/orders", body, append(headers, as(shop))...)
	}
	with := func(member string) string { return strings.Replace(small, "{", "{"+member+",", 1) }
	jwt := func(header, claims string) string {
		e := base64.RawURLEncoding
		return e.EncodeToString([]byte(header)) + "." + e.EncodeToString([]byte(claims)) + "."
	}

	category = "API1 Broken Object Level Authorization"
	add("an order, with a key for placing only", 403, "insufficient_scope", raw("GET /v1/orders/"+theirs, "", as(writer)))
	add("its delivery, likewise", 403, "insufficient_scope", raw("GET /v1/orders/"+theirs+"/delivery", "", as(writer)))
	add("all orders, with an operator's key", 403, "insufficient_scope", raw("GET /v1/orders", "", as(operator)))
	for _, id := range []string{
		"0", "1", "-1", "00000000-0000-0000-0000-000000000000", "936da01f-9abd-4d9d-80c7-02af85c822a8", strings.ToUpper(theirs), theirs + "%20",
		theirs + "%00", "'%20OR%201=1--", "%22;DROP%20TABLE%20orders;--", "$ne", "*", "%2e%2e%2forders", "..%5c..%5corders", "{" + theirs + "}",
		strings.ReplaceAll(theirs, "-", ""), strings.Repeat("a", 2000), "%F0%9F%92%A9", "null", "undefined",
	} {
		add("the id "+id[:min(len(id), 20)], 404, "not_found", raw("GET /v1/orders/"+id, "", as(reader)))
	}
	add("a parked message that is not there", 404, "not_found", raw("GET /v1/outbox/parked/"+theirs, "", as(operator)))
	add("a parked message, with a customer's key", 403, "insufficient_scope", raw("GET /v1/outbox/parked/"+theirs, "", as(shop)))

	category = "API2 Broken Authentication"
	for name, header := range map[string]string{
		"nobody": "X-Nothing: 1", "an empty header": "Authorization:", "no credential": "Authorization: Bearer", "a space for a credential": "Authorization: Bearer  ",
		"Basic": "Authorization: Basic YWRtaW46YWRtaW4=", "Digest": `Authorization: Digest username="admin"`, "another scheme": "Authorization: ApiKey " + shop,
		"the key without a scheme": "Authorization: " + shop, "the key in another header": "X-API-Key: " + shop, "the key in a cookie": "Cookie: key=" + shop,
		"a wrong secret": as(shop[:len(shop)-4] + "aaaa"), "the key and more": as(shop + "a"), "half the key": as(shop[:20]), "its id alone": as(shop[:13]),
		"an unknown key": as("ot_aaaaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaa"), "an expired key": as(expired), "a revoked key": as(revoked),
		"a long credential": as(strings.Repeat("x", 8000)), "not ASCII": as("ключ"), "two credentials": as(shop) + "\r\n" + as(shop), "a list": as(shop + ", Bearer " + shop),
		"a token without an issuer": as(jwt(`{"alg":"RS256","kid":"1"}`, `{"sub":"a","scope":"orders:write"}`) + "c2ln"),
		"alg none":                  as(jwt(`{"alg":"none"}`, `{"sub":"admin","scope":"orders:write"}`)), "alg HS256": as(jwt(`{"alg":"HS256"}`, `{"sub":"admin"}`) + "c2ln"),
	} {
		add(name, 401, "unauthenticated", raw("POST /v1/orders", small, header))
	}
	add("the key in the query", 401, "unauthenticated", raw("GET /v1/orders?access_token="+shop, ""))

	category = "API3 Broken Object Property Level Authorization"
	for _, member := range []string{
		`"id":"` + theirs + `"`, `"total":0`, `"publication":{"state":"published"}`, `"state":"published"`, `"status":"paid"`, `"discount":100`, `"is_admin":true`,
		`"role":"admin"`, `"scopes":["ops:write"]`, `"caller":"someone"`, `"created_at":"2010-12-01T00:00:00Z"`, `"__proto__":{"admin":true}`, `"constructor":{}`,
		`"Currency":"EUR"`, `"_id":1`, `"$where":"1"`, `"metadata":{"a":1}`, `"metadata":{"":"x"}`, `"metadata":{"a":null}`, `"metadata":[]`,
	} {
		add("the member "+member, 422, "invalid_order", place(with(member)))
	}
	add("a line's total", 422, "invalid_order", place(strings.Replace(small, `"quantity"`, `"total":0,"quantity"`, 1)))
	add("a line's currency", 422, "invalid_order", place(strings.Replace(small, `"quantity"`, `"currency":"XXX","quantity"`, 1)))

	category = "API4 Unrestricted Resource Consumption"
	add("a body over 1 MiB", 413, "body_too_large", place(small+strings.Repeat(" ", 1<<20)))
	add("a length of a terabyte", 413, "body_too_large", place(small, "Content-Length: 1099511627776"))
	add("a header over 64 KiB", 431, "", place(small, "X-Long: "+strings.Repeat("x", 80<<10)))
	add("5,000 headers", 431, "", place(small, strings.Split(strings.Repeat("X-Many: x23456789012345\n", 5000), "\n")[:5000]...))
	add("a path over 64 KiB", 431, "", raw("GET /v1/orders/"+strings.Repeat("x", 80<<10), "", as(shop)))
	add("arrays 100,000 deep", 400, "malformed_json", place(with(`"x":`+strings.Repeat("[", 100_000))))
	add("objects 100,000 deep", 400, "malformed_json", place(with(`"x":`+strings.Repeat(`{"a":`, 100_000))))
	add("2,001 lines", 422, "invalid_order", place(`{"currency":"GBP","lines":[`+strings.Repeat(goodLine+",", 2000)+goodLine+`]}`))
	add("33 entries of metadata", 422, "invalid_order", place(with(`"metadata":{`+manyMembers(33)+`}`)))
	add("a number of 100,000 digits", 422, "invalid_order", place(strings.Replace(small, `"quantity":1`, `"quantity":`+strings.Repeat("9", 100_000), 1)))
	add("an exponent", 422, "invalid_order", place(strings.Replace(small, `"quantity":1`, `"quantity":1e999999999`, 1)))
	for name, query := range map[string]string{
		"limit 0": "limit=0", "limit -1": "limit=-1", "limit 201": "limit=201", "limit 2^63": "limit=9223372036854775808", "limit 1e9": "limit=1e9", "limit of text": "limit=all",
		"a limit twice": "limit=1&limit=2", "10,000 parameters": strings.Repeat("limit=1&", 7000) + "limit=1", "a made-up cursor": "cursor=AQEBAQEBAQEBAQEBAQEBAQEBAQEB",
		"a long cursor": "cursor=" + strings.Repeat("A", 10_000), "a cursor that is no base64": "cursor=%2F%2F%2F", "an offset": "offset=1000000000", "a sort": "sort=price", "all fields": "fields=*",
		"a range of ever": "placed_from=0000-00-00T00:00:00Z", "a filter of operators": "customer_id[$ne]=1", "a customer of 10,000": "customer_id=" + strings.Repeat("c", 10_000),
	} {
		add(name, 400, "invalid_parameter", raw("GET /v1/orders?"+query, "", as(shop)))
	}

	category = "API5 Broken Function Level Authorization"
	for _, line := range []string{
		"GET /v1/outbox", "GET /v1/outbox/parked", "POST /v1/outbox/adopt", "POST /v1/outbox/retry", "POST /v1/outbox/discard", "GET /v1/orders/digests",
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
		add(method+" on all orders", 405, "method_not_allowed", raw(method+" /v1/orders", "", as(operator)))
		add(method+" on an order", 405, "method_not_allowed", raw(method+" /v1/orders/"+theirs, "", as(operator)))
	}
	add("a method in a header", 405, "method_not_allowed", raw("POST /v1/orders/"+theirs, "{}", as(shop), "X-HTTP-Method-Override: DELETE"))
	add("CONNECT", 404, "not_found", raw("CONNECT order:443", ""))

	category = "API6 Unrestricted Access to Sensitive Business Flows"
	add("an order of last year", 403, "insufficient_scope", place(with(`"placed_at":"2025-05-01T00:00:00Z"`)))
	add("an order of tomorrow", 422, "invalid_order", place(with(`"placed_at":"2026-05-02T15:00:00Z"`)))
	for name, line := range map[string]string{
		"a negative quantity": `"quantity":-1,"unit_price":1`, "nothing": `"quantity":0,"unit_price":1`, "a negative price": `"quantity":1,"unit_price":-1`, "half a penny": `"quantity":1,"unit_price":0.5`,
		"a price of text": `"quantity":1,"unit_price":"1"`, "a price that overflows": `"quantity":2,"unit_price":9223372036854775807`, "minus zero point": `"quantity":1,"unit_price":-0.0`, "a quantity in hexadecimal": `"quantity":1,"unit_price":true`,
	} {
		add(name, 422, "invalid_order", place(`{"currency":"GBP","lines":[{"sku":"a",`+line+`}]}`))
	}
	add("money that is none", 422, "invalid_order", place(strings.Replace(small, "GBP", "BTC", 1)))
	add("gold", 422, "invalid_order", place(strings.Replace(small, "GBP", "XAU", 1)))

	category = "API7 Server Side Request Forgery"
	for _, member := range []string{
		`"callback_url":"http://169.254.169.254/latest/meta-data/"`, `"webhook":"file:///etc/passwd"`, `"image":"gopher://127.0.0.1:9092/"`, `"$schema":"http://127.0.0.1:8081/metrics"`, `"$ref":"http://127.0.0.1/"`,
	} {
		add("the member "+member[:14], 422, "invalid_order", place(with(member)))
	}
	add("a request for another host", 404, "not_found", raw("GET http://169.254.169.254/latest/meta-data/", "", as(shop)))

	category = "API8 Security Misconfiguration"
	for _, path := range []string{
		"/metrics", "/livez", "/loglevel", "/debug/pprof/", "/debug/vars", "/.env", "/.git/config", "/etc/passwd", "/order.db", "/actuator/health", "/server-status", "/favicon.ico",
		"/assets/../../order.db", "/assets/%2e%2e/%2e%2e/order.db", "/assets/..%2f..%2forder.db", "/v1/../v1/orders", "//v1/orders", "/v1//orders", "/v1/orders/", "/v1/orders;x=1", "/v1/orders%2f", "/v1/orders%00", "/v1/orders.json",
	} {
		add(path, 404, "not_found", raw("GET "+path, "", as(shop)))
	}
	for name, kind := range map[string]string{
		"XML": "text/xml", "a form": "application/x-www-form-urlencoded", "text": "text/plain", "multipart": "multipart/form-data; boundary=x", "none": "", "two in one": "application/json, text/plain", "NDJSON": "application/x-ndjson",
	} {
		add("a body of "+name, 415, "unsupported_media_type", place(small, "Content-Type: "+kind))
	}
	add("a body in gzip", 415, "unsupported_media_type", place(small, "Content-Encoding: gzip"))
	add("two content types", 415, "unsupported_media_type", place(small, "Content-Type: application/json", "Content-Type: text/plain"))
	add("length and chunks", 400, "malformed_json", place("0\r\n\r\n"+small, "Content-Length: 200", "Transfer-Encoding: chunked"))
	add("two lengths", 400, "", place(small, "Content-Length: 1", "Content-Length: 2"))
	add("a length of text", 400, "", place(small, "Content-Length: many"))
	add("chunks that are none", 400, "body_unreadable", place("zz\r\n", "Transfer-Encoding: chunked"))
	add("a folded header", 400, "", place(small, "X-Fold: a\r\n b: c", "X Space: 1"))
	add("no host", 400, "", "GET /v1/orders HTTP/1.1\r\nConnection: close\r\n\r\n")
	add("two hosts", 400, "", "GET /v1/orders HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n")
	add("no HTTP", 400, "", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 \r\n\r\n")

	category = "API9 Improper Inventory Management"
	for _, path := range []string{
		"/orders", "/v0/orders", "/v2/orders", "/v1.1/orders", "/api/v1/orders", "/V1/orders", "/v1/Orders", "/v1/order", "/v1/orders/" + theirs + "/cancel", "/v1/admin", "/v1/keys", "/v1/users", "/internal/orders", "/beta/orders", "/swagger", "/graphql",
	} {
		add(path, 404, "not_found", raw("GET "+path, "", as(shop)))
	}

	category = "API10 Unsafe Consumption of APIs"
	for name, body := range map[string]string{
		"nothing but a space": " ", "half a body": small[:len(small)-5], "two bodies": small + small, "a byte order mark": "\ufeff" + small, "a comment": "/*x*/" + small, "a trailing comma": small[:len(small)-1] + ",}", "single quotes": strings.ReplaceAll(small, `"`, `'`),
		"a name twice": with(`"currency":"EUR"`), "a name twice, escaped": with(`"c\u0075rrency":"EUR"`), "not UTF-8": with("\"reference\":\"\xc3\x28\""), "a lone surrogate": with(`"reference":"\ud800"`), "a raw control character": with("\"reference\":\"a\nb\""),
		"NaN": with(`"x":NaN`), "Infinity": with(`"x":Infinity`), "a leading zero": with(`"x":01`), "a plus": with(`"x":+1`), "an array": "[" + small + "]", "a text": `"order"`, "null": "null", "an UTF-16 body": "{\x00\"\x00c\x00",
	} {
		add(name, 400, "malformed_json", place(body))
	}
	for name, member := range map[string]string{
		"a null": `"customer_id":null`, "a NUL": `"reference":"a\u0000b"`, "an escape": `"reference":"\u001b[2J"`, "a line separator": `"reference":"a\u0085b"`, "a reference of 129": `"reference":"` + strings.Repeat("x", 129) + `"`, "a number for a text": `"reference":1`, "a time of text": `"placed_at":"yesterday"`, "a leap second": `"placed_at":"2016-12-31T23:59:60Z"`,
	} {
		add(name, 422, "invalid_order", place(with(member)))
	}
	for name, key := range map[string]string{
		"empty": "", "a space": "a b", "256 characters": strings.Repeat("k", 256), "not ASCII": "ключ", "a tab": "a\tb", "twice": "a\r\nIdempotency-Key: b",
	} {
		add("a key that is "+name, 400, "invalid_idempotency_key", place(small, "Idempotency-Key: "+key))
	}

	if len(all) < 150 {
		t.Fatalf("only %d requests", len(all))
	}
	before := fingerprint(t, s)
	counts := map[string]int{}
	for _, a := range all {
		status, code := a.send(t, strings.TrimPrefix(s.URL, "http://"))
		if status != a.status || code != a.code {
			t.Errorf("%s: %d %q, want %d %q", a.name, status, code, a.status, a.code)
		}
		counts[strings.SplitN(a.name, " ", 2)[0]]++
	}
	if after := fingerprint(t, s); after != before {
		t.Error("the file has changed")
	}
	t.Logf("%d requests: %v", len(all), counts)
}

func manyMembers(n int) string {
	var members []string
	for i := range n {
		members = append(members, fmt.Sprintf(`"m%d":"x"`, i))
	}
	return strings.Join(members, ",")
}

// fingerprint is a digest of the service's file.
func fingerprint(t *testing.T, s *apitest.Service) [sha256.Size]byte {
	t.Helper()
	content, err := os.ReadFile(s.Path())
	if err != nil {
		t.Fatal(err)
	}
	return sha256.Sum256(content)
}

package activityapi_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
	"ordertally/shared/web/hostiletest"
)

// own is the activity that the requests concern.
const own = "/v1/activities/ORDER_CREATED"

// hostile builds the table of hostile requests.
type hostile struct {
	*guarded
	hostiletest.Table
	operator, customer, flooder string // credentials
}

// TestAPI_RefusesHostileRequests sends requests that must be refused. [hostiletest.Table.Run] says what each answer
// must be. Each route has a request that its own handler refuses, not only the guard in front of it.
func TestAPI_RefusesHostileRequests(t *testing.T) {
	g := newGuarded(t)
	h := hostile{
		guarded:  g,
		operator: authtest.Key(t, g.keys, auth.StatsRead, auth.OpsRead, auth.OpsWrite, auth.BackupRead),
		customer: authtest.Key(t, g.keys, auth.OrdersWrite, auth.OrdersRead, auth.OrdersBackfill),
		flooder:  g.key("flooder", auth.StatsRead, auth.OpsRead, auth.OpsWrite),
	}
	h.objects()
	h.credentials()
	h.properties()
	h.consumption()
	h.functions()
	h.flows()
	h.forgery()
	h.configuration()
	h.inventory()
	h.input()
	others := g.key("others", slices.DeleteFunc(auth.Scopes(), func(s string) bool { return s == auth.KeysWrite })...)
	authtest.HostileKeys(&h.Table, authtest.Key(t, g.keys, auth.KeysWrite), others, others[3:13])
	h.exhaust(h.flooder)
	h.Run(t, g.addr, g.path)

	refused := g.refusedRoutes()
	for _, route := range documentedRoutes() {
		if !slices.Contains(refused, route) {
			t.Errorf("%s has no hostile request that its own handler refuses", route)
		}
	}
}

// get returns a GET request of the operator.
func (h *hostile) get(path string, headers ...string) string {
	return hostiletest.Raw("GET "+path, "", append(headers, hostiletest.Bearer(h.operator))...)
}

// post returns a POST request of the operator.
func (h *hostile) post(line, body string, headers ...string) string {
	return hostiletest.Raw(line, body, append(headers, hostiletest.Bearer(h.operator))...)
}

func (h *hostile) objects() {
	h.Category("API1 Broken Object Level Authorization")
	for _, name := range []string{
		"order_created", "ORDER_CREATED%20", "ORDER_CREATED%00", "ORDER_CREATED,ORDER_CANCELLED", "*", "%2a",
		"'%20OR%201=1--", "__proto__", "null", "..%5cORDER_CREATED", "0", "{activity}",
		"ORDER_CREATED%0d%0a" + hostiletest.Injected + ":%201", "%F0%9F%92%A9", "%ff", strings.Repeat("A", 2000),
	} {
		h.Add("the activity "+name[:min(len(name), 20)], 404, "unknown_activity",
			h.get("/v1/activities/"+name+"/days/today"))
	}
	for _, q := range h.questions() {
		if line := strings.Replace(q.line, "ORDER_CREATED", "ORDER_PAID", 1); line != q.line {
			h.Add("an activity that is not there: "+q.line, 404, "unknown_activity", h.post(line, q.body))
		}
	}
	const digest = "0000000000000000"
	for name, id := range map[string]string{
		"of another activity": h.cancelled, "of the other ledger": h.late,
		"with another digest": h.parked[:len(h.parked)-len(digest)] + digest, "cut short": h.parked[:len(h.parked)-1],
		"and more": h.parked + "00", "with a zero in front": "0" + h.parked,
		"with an offset over 64 bits":   "2-18446744073709551616-" + digest,
		"with a partition over 32 bits": "4294967296-0-" + digest, "that is long": "2-0-" + strings.Repeat("a", 2000),
	} {
		h.Add("the entry "+name, 404, "not_found", h.get(own+"/parked/"+id))
		h.Add("retry the entry "+name, 404, "not_found", h.post("POST "+own+"/parked/"+id+"/retry", oneBody))
		h.Add("discard the entry "+name, 404, "not_found", h.post("POST "+own+"/parked/"+id+"/discard", oneBody))
	}
	h.Add("a parked entry in the late ledger", 404, "not_found", h.get(own+"/late/"+h.parked))
	h.Add("a parked entry in the conflict ledger", 404, "not_found", h.get(own+"/conflicts/"+h.parked))
	h.Add("accept a parked entry", 404, "not_found", h.post("POST "+own+"/late/"+h.parked+"/accept", oneBody))
	h.Add("discard a parked entry as a late one", 404, "not_found",
		h.post("POST "+own+"/late/"+h.parked+"/discard", oneBody))
	for _, id := range []string{
		"0", "-1", "malformed", "2-0-ABCDEFABCDEFABCD", "-2-0-00", "2--0-00", "2-0-", "2-0-0x", h.parked + "%20",
		h.parked + "%00", h.parked + "%0a", "*", "%D9%A2-0-00", "all",
	} {
		h.Add("the entry "+id, 404, "not_found", h.get(own+"/parked/"+id))
		h.Add("discard the entry "+id, 404, "not_found", h.post("POST "+own+"/parked/"+id+"/discard", oneBody))
	}
}

func (h *hostile) credentials() {
	h.Category("API2 Broken Authentication")
	expired, revoked := authtest.Useless(h.t, h.keys, h.clock, auth.Scopes()...)
	for name, header := range hostiletest.Credentials(h.operator, expired, revoked) {
		h.Add(name, 401, "unauthenticated", hostiletest.Raw("GET "+own+"/days/today", "", header))
	}
	for _, q := range h.questions() {
		for name, header := range map[string]string{
			"nobody": "X-Nothing: 1", "an expired key": hostiletest.Bearer(expired),
			"a revoked key": hostiletest.Bearer(revoked), "half a key": hostiletest.Bearer(h.operator[:20]),
		} {
			h.Add(name+": "+q.line, 401, "unauthenticated", hostiletest.Raw(q.line, q.body, header))
		}
	}
	h.Add("the key in the query", 401, "unauthenticated",
		hostiletest.Raw("GET /v1/activities?access_token="+h.operator, ""))
	h.Add("an event id for a credential", 401, "unauthenticated",
		hostiletest.Raw("GET "+own+"/live", "", "Last-Event-ID: "+h.operator))
}

func (h *hostile) properties() {
	h.Category("API3 Broken Object Property Level Authorization")
	for _, member := range []string{
		`"id":"` + h.parked + `"`, `"ids":["` + h.parked + `"]`, `"ledger":"late"`, `"verb":"discard"`,
		`"outcome":"counted"`, `"at":"2010-12-01T00:00:00Z"`, `"caller":"someone"`,
		`"activity":"ORDER_CANCELLED"`, `"value":"e30="`, `"Reason":"y"`, `"__proto__":{"all":true}`, `"is_admin":true`,
	} {
		for _, d := range h.decisions() {
			h.Add("the member "+member+": "+d.line, 422, "invalid_decision",
				h.post(d.line, hostiletest.With(d.body, member)))
		}
	}
	for _, path := range []string{
		"/v1/activities?fields=*", "/v1/backup?file=/etc/passwd", "/v1/backup/state?fields=*", "/v1/history?fields=*",
		own + "/audit?caller=someone", own + "/parked/" + h.parked + "?fields=value",
		own + "/messages/a?include=customer", own + "/days/today?dimensions=customer",
		own + "/digests?from=2010-12-01&to=2010-12-02&tz=UTC",
	} {
		h.Add(path, 400, "invalid_parameter", h.get(path))
	}
}

func (h *hostile) consumption() {
	h.Category("API4 Unrestricted Resource Consumption")
	for _, d := range h.decisions() {
		for name, body := range map[string]string{
			"a body over 1 MiB":   d.body + strings.Repeat(" ", 1<<20),
			"a body over 4 KiB":   d.body + strings.Repeat(" ", 4<<10),
			"arrays 100,000 deep": hostiletest.With(d.body, `"x":`+strings.Repeat("[", 100_000)),
		} {
			h.Add(name+": "+d.line, 413, "body_too_large", h.post(d.line, body))
		}
		h.Add("a length of a terabyte: "+d.line, 413, "body_too_large",
			h.post(d.line, d.body, "Content-Length: 1099511627776"))
		h.Add("chunks over 4 KiB: "+d.line, 413, "body_too_large",
			h.post(d.line, "2000\r\n"+strings.Repeat(" ", 0x2000)+"\r\n0\r\n\r\n", "Transfer-Encoding: chunked"))
		h.Add("one request too many: "+d.line, 429, "rate_limited",
			hostiletest.Raw(d.line, d.body, hostiletest.Bearer(h.flooder)))
	}
	for _, path := range []string{"/v1/activities", own + "/parked/export", own + "/live"} {
		h.Add("one request too many: "+path, 429, "rate_limited",
			hostiletest.Raw("GET "+path, "", hostiletest.Bearer(h.flooder)))
	}
	h.Add("a header over 64 KiB", 431, "", h.get(own+"/audit", "X-Long: "+strings.Repeat("x", 80<<10)))
	h.Add("5,000 headers", 431, "", h.get(own+"/audit", slices.Repeat([]string{"X-Many: x23456789012345"}, 5000)...))
	h.Add("a path over 64 KiB", 431, "", h.get("/v1/activities/"+strings.Repeat("x", 80<<10)))
	h.Add("an event id over 64 KiB", 431, "", h.get(own+"/live", "Last-Event-ID: "+strings.Repeat("9", 80<<10)))
	h.Add("401 days", 400, "range_too_long", h.get(own+"/days?from=2024-01-01&to=2025-02-04"))
	h.Add("all days", 400, "range_too_long", h.get(own+"/days?from=0000-01-01&to=9999-12-31&by=month"))
	h.Add("digests of all days", 400, "range_too_long", h.get(own+"/digests?from=0000-01-01&to=9999-12-31"))
	h.Add("a message id of 256 bytes", 400, "invalid_parameter", h.get(own+"/messages/"+strings.Repeat("m", 256)))
	h.Add("a lineage of 256 bytes", 400, "invalid_parameter",
		h.get(own+"/messages/a?sequence=1&lineage="+strings.Repeat("l", 256)))
	const digest = "0000000000000000"
	for name, query := range map[string]string{
		"limit 0": "limit=0", "limit -1": "limit=-1", "limit 201": "limit=201",
		"limit 2^63": "limit=9223372036854775808", "limit 1e2": "limit=1e2", "limit of text": "limit=all",
		"no limit":            "limit=",
		"a limit with a sign": "limit=%2B5", "a limit with zeros": "limit=007", "a limit after a space": "limit=+5",
		"a limit twice": "limit=1&limit=2", "a limit in brackets": "limit[]=1",
		"7,000 parameters": strings.Repeat("limit=1&", 7000) + "limit=1", "an offset": "offset=1000000000",
		"a sort":    "sort=reason",
		"no cursor": "cursor=", "a made-up cursor": "cursor=x",
		"a cursor of another service": "cursor=AQEBAQEBAQEBAQEBAQEBAQEBAQEB",
		"a cursor cut short":          "cursor=" + h.parked[:len(h.parked)-1],
		"a cursor with half a digest": "cursor=" + h.parked[:len(h.parked)-8],
		"a cursor and more":           "cursor=" + h.parked + "00",
		"a cursor in capitals":        "cursor=2-0-AAAAAAAAAAAAAAAA", "a cursor with a sign": "cursor=%2B" + h.parked,
		"a cursor after a space": "cursor=%20" + h.parked,
		"a cursor twice":         "cursor=" + h.parked + "&cursor=" + h.parked,
		"a long cursor":          "cursor=" + strings.Repeat("1", 10_000),
		"a cursor over 64 bits":  "cursor=2-18446744073709551616-" + digest,
		"a cursor over 32 bits":  "cursor=4294967296-0-" + digest, "a cursor of operators": "cursor[$gt]=0",
	} {
		h.Add(name, 400, "invalid_parameter", h.get(own+"/parked?"+query))
		h.Add(name+", late", 400, "invalid_parameter", h.get(own+"/late?"+query))
		h.Add(name+", conflicts", 400, "invalid_parameter", h.get(own+"/conflicts?"+query))
	}
}

func (h *hostile) functions() {
	h.Category("API5 Broken Function Level Authorization")
	others := map[string]string{}
	for _, scope := range []string{auth.StatsRead, auth.OpsRead, auth.OpsWrite} {
		others[scope] = authtest.Key(h.t, h.keys,
			slices.DeleteFunc(auth.Scopes(), func(s string) bool { return s == scope })...)
	}
	for _, q := range h.questions() {
		h.Add("all scopes but its own: "+q.line, 403, "insufficient_scope",
			hostiletest.Raw(q.line, q.body, hostiletest.Bearer(others[q.scope])))
		h.Add("a customer's "+q.line, 403, "insufficient_scope",
			hostiletest.Raw(q.line, q.body, hostiletest.Bearer(h.customer)))
		method, path, _ := strings.Cut(q.line, " ")
		allow, wrong := "GET, HEAD", []string{"POST", "DELETE", "get"}
		if method == http.MethodPost {
			allow, wrong = "POST", []string{"GET", "PUT", "PATCH", "OPTIONS"}
		}
		for _, method := range wrong {
			h.NotAllowed(method+" "+path, allow, h.post(method+" "+path, q.body))
		}
	}
	for _, method := range []string{"PUT", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "LINK", "POSTX"} {
		h.NotAllowed(method+" on a day", "GET, HEAD", h.post(method+" "+own+"/days/today", ""))
	}
	h.NotAllowed("a method in a header", "GET, HEAD",
		h.post("POST /v1/activities", "{}", "X-HTTP-Method-Override: GET"))
	h.Add("CONNECT", 404, "not_found", h.post("CONNECT activity:443", ""))
}

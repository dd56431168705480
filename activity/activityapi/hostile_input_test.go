package activityapi_test

import (
	"strings"

	"ordertally/shared/web/hostiletest"
)

func (h *hostile) flows() {
	h.Category("API6 Unrestricted Access to Sensitive Business Flows")
	for _, d := range h.decisions() {
		bodies := map[string]string{ // of a request about many: they do not say which
			"nothing said": `{"reason":"x"}`, "not all": `{"reason":"x","all":false}`,
			"all and a class":      `{"reason":"x","all":true,"class":"malformed"}`,
			"all and a time":       `{"reason":"x","all":true,"before":"2030-01-01T00:00:00Z"}`,
			"all before time":      `{"reason":"x","all":true,"before":"0001-01-01T00:00:00Z"}`,
			"a class before time":  `{"reason":"x","class":"malformed","before":"0001-01-01T00:00:00Z"}`,
			"a class that is none": `{"reason":"x","class":"ugly"}`, "every class": `{"reason":"x","class":"*"}`,
		}
		if d.one {
			bodies = map[string]string{ // of a request about one: they name several
				"all": `{"reason":"x","all":true}`, "not all": `{"reason":"x","all":false}`,
				"a class":     `{"reason":"x","class":"malformed"}`,
				"a time":      `{"reason":"x","before":"2030-01-01T00:00:00Z"}`,
				"before time": `{"reason":"x","before":"0001-01-01T00:00:00Z"}`,
			}
		}
		bodies["a reason with control characters"] = strings.Replace(d.body, `"x"`, `"\u0000\u001b[2J"`, 1)
		bodies["a reason of 501 bytes"] = strings.Replace(d.body, "x", strings.Repeat("x", 501), 1)
		if d.discards {
			bodies["no reason"] = strings.NewReplacer(`"reason":"x",`, "", `"reason":"x"`, "").Replace(d.body)
			bodies["an empty reason"] = strings.Replace(d.body, `"x"`, `""`, 1)
			bodies["a reason of spaces"] = strings.Replace(d.body, `"x"`, `" \u00a0 "`, 1)
		}
		for name, body := range bodies {
			h.Add(name+": "+d.line, 422, "invalid_decision", h.post(d.line, body))
		}
	}
}

func (h *hostile) forgery() {
	h.Category("API7 Server Side Request Forgery")
	for _, url := range []string{
		"http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "gopher://127.0.0.1:9092/", "//127.0.0.1/",
		`\\127.0.0.1\share`, "jar:http://127.0.0.1!/", "http://[::1]:8091/",
	} {
		escaped := strings.NewReplacer(`\`, "%5C", ":", "%3A", "[", "%5B", "]", "%5D").Replace(url)
		for _, c := range []struct{ path, code string }{
			{"/days/today?tz=", "invalid_zone"}, {"/live?tz=", "invalid_zone"},
			{"/days?to=2010-12-01&from=", "invalid_day"}, {"/parked/export?class=", "invalid_parameter"},
			{"/late?before=", "invalid_parameter"}, {"/parked?cursor=", "invalid_parameter"},
			{"/live?callback=", "invalid_parameter"},
		} {
			h.Add(c.path+url, 400, c.code, h.get(own+c.path+escaped))
		}
		// A reason may be any text without control characters. The message is not in this ledger, so nothing happens to
		// it.
		reason := `{"reason":"` + strings.ReplaceAll(url, `\`, `\\`) + `"}`
		h.Add("a reason "+url, 404, "not_found", h.post("POST "+own+"/parked/"+h.cancelled+"/discard", reason))
	}
	h.Add("an activity at a URL", 404, "unknown_activity", h.get("/v1/activities/http:169.254.169.254/days/today"))
	h.Add("an activity at a URL with slashes", 404, "not_found",
		h.get("/v1/activities/http:%2f%2f169.254.169.254/days/today"))
	h.Add("a request for another host", 404, "not_found", h.get("http://169.254.169.254/latest/meta-data/"))
}

func (h *hostile) configuration() {
	h.Category("API8 Security Misconfiguration")
	for _, path := range []string{
		"/metrics", "/livez", "/readyz", "/loglevel", "/debug/pprof/", "/debug/vars", "/.env", "/.git/config",
		"/etc/passwd", "/activity.db", "/actuator/health", "/server-status", "/favicon.ico",
		"/assets/", "/assets/index.html", "/assets/uPlot-LICENSE", "/assets/page.css%00", "/assets/../activity.db",
		"/assets/%2e%2e/activity.db", "/assets/..%2fpage.go", "/assets/..%5cpage.go",
		"/v1/../v1/activities", "/v1/./activities", "/v1/%2e%2e/v1/activities", "/v1/%2E/activities", "//v1/activities",
		"/v1//activities", "/v1/activities/", "/v1/activities;x=1", "/v1/activities%2f",
		"/v1/activities%00", "/v1/activities%0d%0a" + hostiletest.Injected + ":%201", "/v1/activities.json",
		"/v1/activities/%2e%2e/audit", "/v1/activities/ORDER_CREATED%2fdays/today",
		own + "/days/today/", own + "/days/../audit", own + "/days//minutes", own + "/days/2010%2f12%2f01",
		own + "/parked/export/", own + "/messages/", own + "/messages/a%2Fb",
	} {
		h.Add(path, 404, "not_found", h.get(path))
	}
	for _, zone := range []string{
		"", "Local", "localtime", "posix/UTC", "right/UTC", "posixrules", "../../etc/passwd", "..%2f..%2fetc%2fpasswd",
		"/etc/localtime", "/usr/share/zoneinfo/UTC", "Europe/../UTC", "Europe/./London",
		"Europe//London", "Europe/London/", "./UTC", "Europe", "Europe/London%00", "Europe%5CLondon", "zone.tab",
		"tzdata.zi", "leapseconds", "UTC%0d%0a" + hostiletest.Injected + ":%201", "UTC%2B1",
		"%2B01:00", "Mars/Olympus", "%F0%9F%92%A9", "%ff", "*", "%25s%25n", "'%20OR%201=1", strings.Repeat("x", 10_000),
	} {
		name := "the zone " + zone[:min(len(zone), 30)]
		h.Add(name, 400, "invalid_zone", h.get(own+"/days/2010-12-01?tz="+zone))
		h.Add(name+", live", 400, "invalid_zone",
			h.get(own+"/live?tz="+zone, "Last-Event-ID: 00000000-0000-7000-8000-000000000000.1"))
	}
	for _, d := range h.decisions() {
		for name, kind := range hostiletest.MediaTypes() {
			h.Add("a body of "+name+": "+d.line, 415, "unsupported_media_type",
				h.post(d.line, d.body, "Content-Type: "+kind))
		}
		h.Add("a body in gzip: "+d.line, 415, "unsupported_media_type",
			h.post(d.line, d.body, "Content-Encoding: gzip"))
		h.Add("a body in two encodings: "+d.line, 415, "unsupported_media_type",
			h.post(d.line, d.body, "Content-Encoding: identity", "Content-Encoding: br"))
		h.Add("two content types: "+d.line, 415, "unsupported_media_type",
			h.post(d.line, d.body, "Content-Type: application/json", "Content-Type: text/plain"))
		h.Add("no body: "+d.line, 415, "unsupported_media_type", h.post(d.line, ""))
		h.Add("chunks that are none: "+d.line, 400, "body_unreadable",
			h.post(d.line, "zz\r\n", "Transfer-Encoding: chunked"))
		h.Add("length and chunks: "+d.line, 400, "malformed_json",
			h.post(d.line, "0\r\n\r\n"+d.body, "Content-Length: 200", "Transfer-Encoding: chunked"))
	}
	h.Framing(own + "/days/today")
	h.Add("a NUL in an event id", 400, "", h.get(own+"/live", "Last-Event-ID: a\x00b"))
}

func (h *hostile) inventory() {
	h.Category("API9 Improper Inventory Management")
	for _, path := range []string{
		"/activities", "/v0/activities", "/v2/activities", "/v1.1/activities", "/api/v1/activities", "/V1/activities",
		"/v1/Activities", "/v1/activity", own, own + "/Days/today", own + "/weeks", own + "/messages",
		own + "/days/today/hours", own + "/days/today/minutes/1", own + "/parked/" + h.parked + "/value",
		own + "/audit/1", own + "/digests/2010-12-01", "/v1/orders", "/v1/outbox", "/v1/admin", "/v1/key",
		"/v1/users", "/internal/activities", "/beta/activities", "/swagger", "/openapi.yaml", "/graphql",
	} {
		h.Add(path, 404, "not_found", h.get(path))
	}
	for _, path := range []string{
		"/late/" + h.late + "/retry",
		"/parked/" + h.parked + "/accept", "/parked/" + h.parked + "/delete", "/overflow/retry", "/audit/discard",
	} {
		h.Add("POST "+path, 404, "not_found", h.post("POST "+own+path, allBody))
	}
	// Here the verb is taken for the id of an entry, and an entry can be read.
	for _, path := range []string{"/parked/accept", "/late/retry", "/parked/delete"} {
		h.NotAllowed("POST "+path, "GET, HEAD", h.post("POST "+own+path, allBody))
	}
}

func (h *hostile) input() {
	h.Category("API10 Unsafe Consumption of APIs")
	for _, d := range h.decisions() {
		for name, body := range hostiletest.Malformed(`{"all":true}`, "all", "reason") {
			h.Add(name+": "+d.line, 400, "malformed_json", h.post(d.line, body))
		}
		for name, member := range map[string]string{
			"a number for a reason": `"reason":1`, "a list of reasons": `"reason":["x"]`,
			"null for a reason": `"reason":null`, "a text for all": `"all":"true"`, "a number for all": `"all":1`,
			"null for all":          `"all":null`,
			"an object for a class": `"class":{}`, "an empty class": `"class":""`, "null for a class": `"class":null`,
			"a number for a time": `"before":1`, "an empty time": `"before":""`,
			"a time of text":     `"before":"yesterday"`,
			"a thirteenth month": `"before":"2025-13-01T00:00:00Z"`, "a leap second": `"before":"2016-12-31T23:59:60Z"`,
			"a time without a zone": `"before":"2025-01-01T00:00:00"`,
			"a year of five digits": `"before":"10000-01-01T00:00:00Z"`,
		} {
			h.Add(name+": "+d.line, 422, "invalid_decision", h.post(d.line, "{"+member+"}"))
		}
		h.Add("a parameter: "+d.line, 400, "invalid_parameter", h.post(d.line+"?all=true", d.body))
	}
	for _, day := range []string{
		"0", "-1", "2010-02-30", "2010-13-01", "2010-00-00", "2010-12-1", "02010-12-01", "10000-01-01", "-2010-12-01",
		"%2B2010-12-01", "20101201", "2010-12-01T00:00:00Z", "2010-W52", "Today", "yesterday", "%20today",
		"today%20", "today%00", "today.json", "today%3Btz=UTC", "2010-12-01'--", "%D9%A2%D9%A0%D9%A1%D9%A0-12-01",
		"null", "%ff", "%25s", "today%0d%0a" + hostiletest.Injected + ":%201", strings.Repeat("2", 2000),
	} {
		name := "the day " + day[:min(len(day), 30)]
		h.Add(name, 400, "invalid_day", h.get(own+"/days/"+day))
		h.Add("minutes of "+name, 400, "invalid_day", h.get(own+"/days/"+day+"/minutes"))
		h.Add("from "+name, 400, "invalid_day", h.get(own+"/days?to=2010-12-01&from="+day))
		h.Add("digests to "+name, 400, "invalid_day", h.get(own+"/digests?from=2010-12-01&to="+day))
	}
	h.Add("a range of todays", 400, "invalid_day", h.get(own+"/days?from=today&to=today"))
	for _, path := range []string{
		"/days?from=2010-12-02&to=2010-12-01", "/digests?from=2010-12-02&to=2010-12-01",
		"/days?from=2010-12-01&to=2010-12-02&by=year", "/days?from=2010-12-01&to=2010-12-02&by=",
	} {
		h.Add(path, 400, "invalid_range", h.get(own+path))
	}
	for _, path := range []string{
		"/days", "/days?from=2010-12-01", "/digests?to=2010-12-01",
		"/days?from=2010-12-01&to=2010-12-02&by=day&by=week", "/days?from=2010-12-01&from=2010-12-01&to=2010-12-02",
		"/days/today?tz=UTC&tz=UTC", "/days/today?TZ=UTC", "/days/today?tz[]=UTC", "/days/today?tz=UTC;tz=UTC",
		"/days/today?tz=%zz", "/days/today?=", "/days/today?%00=1", "/days/today/minutes?by=day",
		"/live?last_event_id=1", "/live?tz=UTC&tz=Europe/Berlin", "/audit?limit=1", "/parked/export?limit=1",
		"/late/export?cursor=" + h.late, "/late/" + h.late + "?x", "/messages/a?id=b", "/incidents?limit=1",
		"/messages/a?lineage=L", "/messages/a?sequence=1", "/messages/a?lineage=&sequence=1",
		"/messages/a?lineage=L&sequence=0", "/messages/a?lineage=L&sequence=-1", "/messages/a?lineage=L&sequence=0x1",
		"/messages/a?lineage=L&sequence=18446744073709551616", "/messages/a?lineage=L&sequence=1&sequence=2",
		"/parked?class=ugly", "/parked?class=", "/parked?class=Malformed", "/parked?class=malformed,late",
		"/parked?class=malformed&class=late", "/parked?class[$ne]=late", "/late/export?class=*",
		"/conflicts/export?class=*", "/parked?before=", "/parked?before=yesterday",
		"/parked?before=2025-13-01T00:00:00Z",
		"/late?before=2016-12-31T12:00:60Z", "/parked/export?before=2025-01-01", "/parked?before=0001-01-01T00:00:00Z",
	} {
		h.Add(path, 400, "invalid_parameter", h.get(own+path))
	}
	h.Add("two zones of a rebuild", 400, "invalid_parameter", h.get(own+"/rebuild?tz=UTC&tz=UTC"))
	for _, path := range []string{"/rebuild", "/rebuild/swap", "/rebuild/discard"} {
		h.Add("a parameter: "+path, 400, "invalid_parameter", h.post("POST "+own+path+"?now=true", oneBody))
		h.Add("a filter: "+path, 422, "invalid_decision", h.post("POST "+own+path, `{"reason":"x","all":true}`))
	}
	h.Add("a parameter of the list", 400, "invalid_parameter", h.get("/v1/activities?activity=ORDER_CANCELLED"))
	for _, path := range []string{
		"/days/1971-06-01?tz=Africa/Monrovia", "/days/0000-01-01?tz=Europe/London",
		"/days/1900-01-01/minutes?tz=Asia/Kolkata", "/days/2010-11-07?tz=America/St_Johns",
	} {
		h.Add(path, 422, "off_quarter_hour", h.get(own+path))
	}
}

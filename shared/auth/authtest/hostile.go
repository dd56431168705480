package authtest

import (
	"encoding/json"
	"strings"

	"ordertally/shared/auth"
	"ordertally/shared/web/hostiletest"
)

// HostileKeys adds hostile requests for the routes of API keys. Maker is a credential with keys:write only, others one
// with all other scopes, and id the id of an existing key.
func HostileKeys(table *hostiletest.Table, maker, others, id string) {
	const (
		listing = "GET /v1/keys"
		making  = "POST /v1/keys"
		good    = `{"name":"shop","scopes":["keys:write"]}`
	)
	revoking := "DELETE /v1/keys/" + id
	send := func(line, body string, headers ...string) string {
		return hostiletest.Raw(line, body, append(headers, hostiletest.Bearer(maker))...)
	}

	table.Category("API1 Broken Object Level Authorization")
	for _, other := range []string{
		"aaaaaaaaaa", "0", "*", "all", "null", id[1:], id + "a", id + "%20", id + "%00", "ot_" + id,
		strings.ToUpper(id) + "0", "..%5c" + id, "'%20OR%201=1--", "%F0%9F%92%A9", strings.Repeat("a", 2000),
	} {
		table.Add("revoke the key "+other[:min(len(other), 20)], 404, "not_found", send("DELETE /v1/keys/"+other, ""))
	}

	table.Category("API2 Broken Authentication")
	for _, line := range []string{listing, making, revoking} {
		for name, header := range map[string]string{"nobody": "X-Nothing: 1",
			"half a key":        hostiletest.Bearer(maker[:20]),
			"an unknown secret": hostiletest.Bearer(maker[:14] + strings.Repeat("a", 26))} {
			table.Add(name+": "+line, 401, "unauthenticated", hostiletest.Raw(line, body(line, good), header))
		}
	}

	table.Category("API3 Broken Object Property Level Authorization")
	for _, member := range []string{
		`"id":"aaaaaaaaaa"`, `"key":"ot_aaaaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaa"`, `"sha256":"00"`,
		`"created_by":"key:root"`, `"created_at":"2010-12-01T00:00:00Z"`, `"expires_at":"2099-01-01T00:00:00Z"`,
		`"state":"active"`, `"Name":"x"`, `"scope":"ops:write"`, `"is_admin":true`,
		`"__proto__":{"scopes":["ops:write"]}`,
	} {
		table.Add("a key with "+member, 422, "invalid_key", send(making, hostiletest.With(good, member)))
	}

	table.Category("API4 Unrestricted Resource Consumption")
	table.Add("a key of 5 KiB", 413, "body_too_large", send(making, good+strings.Repeat(" ", 5<<10)))
	table.Add(
		"a name of 65",
		422,
		"invalid_key",
		send(making, `{"name":"`+strings.Repeat("n", 65)+`","scopes":["keys:write"]}`),
	)
	table.Add(
		"a scope a hundred times",
		422,
		"invalid_key",
		send(making, `{"name":"n","scopes":["keys:write"`+strings.Repeat(`,"keys:write"`, 99)+`]}`),
	)
	for _, never := range []string{"0", "-1", "315360001", "9223372036854775807", "1e3", "1.5", `"3600"`,
		"9223372036854775808", "[1]"} {
		table.Add(
			"a key for "+never+" s",
			422,
			"invalid_key",
			send(making, hostiletest.With(good, `"expires_in":`+never)),
		)
	}

	table.Category("API5 Broken Function Level Authorization")
	for _, line := range []string{listing, making, revoking} {
		table.Add(
			"all scopes but its own: "+line,
			403,
			"insufficient_scope",
			hostiletest.Raw(line, body(line, good), hostiletest.Bearer(others)),
		)
	}
	for _, scope := range auth.Scopes() {
		if scope == auth.KeysWrite {
			continue
		}
		table.Add(
			"a key that may "+scope,
			403,
			"insufficient_scope",
			send(making, `{"name":"n","scopes":["`+scope+`"]}`),
		)
		table.Add(
			"a key that may more, "+scope,
			403,
			"insufficient_scope",
			send(making, `{"name":"n","scopes":["keys:write","`+scope+`"]}`),
		)
	}
	for _, scope := range []string{auth.Public, "*", "KEYS:WRITE", "keys:write ops:write", "keys:write\\u0000",
		"admin"} {
		table.Add("the scope "+scope, 422, "invalid_key", send(making, `{"name":"n","scopes":["`+scope+`"]}`))
	}
	for _, method := range []string{"PUT", "PATCH", "DELETE", "OPTIONS", "get"} {
		table.NotAllowed(method+" on all keys", "GET, HEAD, POST", send(method+" /v1/keys", ""))
	}
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH"} {
		if method != "HEAD" { // an answer to HEAD has no body
			table.NotAllowed(method+" on a key", "DELETE", send(method+" /v1/keys/"+id, ""))
		}
	}

	table.Category("API8 Security Misconfiguration")
	for name, kind := range hostiletest.MediaTypes() {
		table.Add("a key in "+name, 415, "unsupported_media_type", send(making, good, "Content-Type: "+kind))
	}
	for _, line := range []string{listing, making, revoking} {
		table.Add("a parameter: "+line, 400, "invalid_parameter", send(line+"?name=shop", body(line, good)))
	}

	table.Category("API10 Unsafe Consumption of APIs")
	for name, text := range hostiletest.Malformed(good, "name", "scopes") {
		table.Add("a key: "+name, 400, "malformed_json", send(making, text))
	}
	for _, text := range []string{
		`{}`, `{"name":"n"}`, `{"scopes":["keys:write"]}`, `{"name":"","scopes":["keys:write"]}`,
		`{"name":"a b","scopes":["keys:write"]}`, `{"name":"a\u0085b","scopes":["keys:write"]}`,
		`{"name":"n","scopes":[]}`,
		`{"name":"\u202en","scopes":["keys:write"]}`, `{"name":"n","scopes":"keys:write"}`,
		`{"name":"n","scopes":null}`, `{"name":"n","scopes":[null]}`, `{"name":1,"scopes":["keys:write"]}`,
		`{"name":"n","scopes":["keys:write"],"never_expires":1}`,
		`{"name":"n","scopes":["keys:write"],"never_expires":true,"expires_in":60}`,
		`{"name":"n","scopes":["keys:write"],"expires_in":null}`,
	} {
		if !json.Valid([]byte(text)) {
			panic(text)
		}
		table.Add("a key "+text, 422, "invalid_key", send(making, text))
	}
}

// body returns the text for a request that may have a body, and "" for others.
func body(line, text string) string {
	if strings.HasPrefix(line, "POST") {
		return text
	}
	return ""
}

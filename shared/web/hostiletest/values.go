package hostiletest

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
)

// Bearer is the header of a credential.
func Bearer(credential string) string { return "Authorization: Bearer " + credential }

// Credentials returns headers that must let nobody in, by what is wrong with them. Key is a valid key.
func Credentials(key, expired, revoked string) map[string]string {
	jwt := func(header, claims string) string {
		e := base64.RawURLEncoding
		return e.EncodeToString([]byte(header)) + "." + e.EncodeToString([]byte(claims)) + "."
	}
	const claims = `{"sub":"admin","scope":"orders:write stats:read ops:read ops:write"}`
	return map[string]string{
		"nobody": "X-Nothing: 1", "an empty header": "Authorization:", "no credential": "Authorization: Bearer",
		"a space for a credential": "Authorization: Bearer  ",
		"Basic":                    "Authorization: Basic YWRtaW46YWRtaW4=",
		"Digest":                   `Authorization: Digest username="admin"`,
		"another scheme":           "Authorization: ApiKey " + key,
		"the key without a scheme": "Authorization: " + key, "the key in another header": "X-API-Key: " + key,
		"the key in a cookie": "Cookie: key=" + key,
		"a wrong secret":      Bearer(key[:len(key)-4] + "aaaa"), "the key and more": Bearer(key + "a"),
		"half the key": Bearer(key[:20]), "its id alone": Bearer(key[:13]),
		"an unknown key": Bearer("ot_aaaaaaaaaa_aaaaaaaaaaaaaaaaaaaaaaaaaa"), "an expired key": Bearer(expired),
		"a revoked key":     Bearer(revoked),
		"a long credential": Bearer(strings.Repeat("x", 8000)), "not ASCII": Bearer("ключ"),
		"two credentials": Bearer(key) + "\r\n" + Bearer(key), "a list": Bearer(key + ", Bearer " + key),
		"a token without an issuer": Bearer(jwt(`{"alg":"RS256","kid":"1"}`, claims) + "c2ln"),
		"alg none":                  Bearer(jwt(`{"alg":"none"}`, claims)),
		"alg HS256":                 Bearer(jwt(`{"alg":"HS256"}`, claims) + "c2ln"),
	}
}

// With puts a member in front of a JSON object's members.
func With(object, member string) string { return strings.Replace(object, "{", "{"+member+",", 1) }

// Malformed returns bodies that are not exactly one well-formed JSON object. Object is a good one. It has a member
// called has, and may have a string member called may.
func Malformed(object, has, may string) map[string]string {
	with := func(member string) string { return With(object, member) }
	text := func(value string) string { return with(`"` + may + `":"` + value + `"`) }
	return map[string]string{
		"nothing but a space": " ", "half a body": object[:len(object)-5], "two bodies": object + object,
		"a byte order mark": "\ufeff" + object, "a comment": "/*x*/" + object,
		"a trailing comma": object[:len(object)-1] + ",}", "single quotes": strings.ReplaceAll(object, `"`, `'`),
		"a name twice":                    with(`"` + has + `":"x"`),
		"a name twice, escaped":           with(fmt.Sprintf(`"\u%04x%s":"x"`, has[0], has[1:])),
		"a name that is not known, twice": with(`"x":1,"x":2`), "not UTF-8": text("\xc3\x28"),
		"a name that is not UTF-8": with("\"\xff\":1"), "a lone surrogate": text(`\ud800`),
		"a raw control character": text("a\nb"), "NaN": with(`"x":NaN`), "Infinity": with(`"x":Infinity`),
		"a leading zero": with(`"x":01`), "a plus": with(`"x":+1`), "an array": "[" + object + "]",
		"a text": `"order"`, "a number": "1", "null": "null", "an UTF-16 body": "{\x00\"\x00c\x00",
		"arrays that do not end": with(`"x":` + strings.Repeat("[", 1000)),
		"arrays 33 deep":         with(`"x":` + strings.Repeat("[", 32) + strings.Repeat("]", 32)),
	}
}

// MediaTypes returns content types that no body may have.
func MediaTypes() map[string]string {
	return map[string]string{
		"XML": "text/xml", "a form": "application/x-www-form-urlencoded", "text": "text/plain",
		"multipart": "multipart/form-data; boundary=x", "none": "",
		"two in one": "application/json, text/plain", "NDJSON": "application/x-ndjson",
		"a merge patch": "application/merge-patch+json",
	}
}

// Framing adds requests to path that net/http refuses before a handler sees them.
func (table *Table) Framing(path string) {
	const refused = http.StatusBadRequest
	table.Add("no host", refused, "", "GET "+path+" HTTP/1.1\r\nConnection: close\r\n\r\n")
	table.Add("two hosts", refused, "", "GET "+path+" HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n")
	table.Add("no HTTP", refused, "", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 \r\n\r\n")
	table.Add("two lengths", refused, "", Raw("POST "+path, "{}", "Content-Length: 1", "Content-Length: 2"))
	table.Add("a length of text", refused, "", Raw("POST "+path, "{}", "Content-Length: many"))
	table.Add("a folded header", refused, "", Raw("GET "+path, "", "X-Fold: a\r\n b: c", "X Space: 1"))
	table.Add("a NUL in a header", refused, "", Raw("GET "+path, "", "X-Nothing: a\x00b"))
	table.Add("a line's end in the path", refused, "", Raw("GET "+path+"\r\n"+Injected+": 1", ""))
	table.Add("a NUL in the path", refused, "", Raw("GET "+path+"\x00", ""))
	table.Add("an escape of the path that is none", refused, "", Raw("GET "+path+"%zz", ""))
}

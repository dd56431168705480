package hostiletest

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"ordertally/shared/web/problem"
)

// Injected is a header that requests try to put into the answer with a line break in a value. No answer may have it.
const Injected = "X-Injected"

// Raw returns a request as it goes over the connection. An HTTP client would repair or refuse the worst of them. Each
// header is one line. If there is a body, Content-Length and Content-Type are added unless the headers have them.
func Raw(line, body string, headers ...string) string {
	var b strings.Builder
	b.WriteString(line + " HTTP/1.1\r\nHost: service\r\nConnection: close\r\n")
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

// exchange sends the request and returns the answer.
func (r *request) exchange(t *testing.T, addr string) (status int, header http.Header, body string, err error) {
	t.Helper()
	conn, err := (&net.Dialer{Timeout: deadline}).DialContext(t.Context(), "tcp", addr)
	if err != nil {
		return 0, nil, "", err
	}
	defer func() { _ = conn.Close() }() // also ends the goroutine that writes
	_ = conn.SetDeadline(time.Now().Add(deadline))
	go func() { _, _ = io.WriteString(conn, r.text) }() // the service may answer before it has read all
	method, _, _ := strings.Cut(r.text, " ")
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		return 0, nil, "", fmt.Errorf("no answer: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	// When net/http refuses early, the connection may be reset. Half a problem then counts as none.
	text, _ := io.ReadAll(response.Body)
	return response.StatusCode, response.Header, string(text), nil
}

const deadline = 20 * time.Second

// inside matches what an answer must not reveal: a stack, a source file, a package, a type, a decoder's message.
var inside = regexp.MustCompile(`goroutine \d|\.go\b|ordertally/|panic|runtime error|\bGo (struct|value|type)|` +
	`cannot unmarshal|\b(bolt\w*|bbolt|json|jsontext|http|web|url|strconv|time|fmt|io|errors|auth|problem|inbox|` +
	`outbox|order\w*|activity\w*)\.[A-Z]`)

// faults sends the request and returns what is wrong with the answer. Dir is the directory of the service's file.
func (r *request) faults(t *testing.T, addr, dir string) (faults []string) {
	t.Helper()
	status, header, body, err := r.exchange(t, addr)
	if err != nil {
		return []string{err.Error()}
	}
	wrong := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	var p problem.Problem
	isProblem := header.Get("Content-Type") == problem.ContentType
	if isProblem && (json.Unmarshal([]byte(body), &p) != nil || p.Status != status) {
		wrong("the problem %.200s", body)
	}
	if status != r.status || p.Code != r.code || isProblem != (r.code != "") {
		wrong("%d %q (%s), want %d %q: %.200s", status, p.Code, header.Get("Content-Type"), r.status, r.code, body)
	}
	if found := inside.FindString(body); found != "" || strings.Contains(body, dir) {
		wrong("the answer reveals internals (%q): %.400s", found, body)
	}
	needs := map[int]string{http.StatusUnauthorized: "WWW-Authenticate",
		http.StatusTooManyRequests: "Retry-After"}[status]
	if needs != "" && header.Get(needs) == "" {
		wrong("%d without %s", status, needs)
	}
	if allow := header.Get("Allow"); allow != r.allow {
		wrong("Allow is %q, want %q", allow, r.allow)
	}
	if header.Get(Injected) != "" {
		wrong("the request put %s into its answer", Injected)
	}
	return faults
}

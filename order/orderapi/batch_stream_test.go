package orderapi_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"ordertally/order"
	"ordertally/order/ack"
	"ordertally/order/orderapi/apitest"
	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/clock"
	"ordertally/shared/clock/clocktest"
)

// open is a batch whose lines are sent one after the other.
type open struct {
	t       *testing.T
	send    *io.PipeWriter
	answers chan *http.Response
	reader  *bufio.Reader
}

// openBatch begins a batch. Its answer begins with the answer to the first line.
func openBatch(t *testing.T, service *apitest.Service, header ...string) *open {
	t.Helper()
	body, send := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, service.URL+"/v1/orders:batch", body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	o := &open{t: t, send: send, answers: make(chan *http.Response, 1)}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	go func() {
		defer close(o.answers)
		if resp, err := client.Do(req); err == nil {
			o.answers <- resp
		}
	}()
	t.Cleanup(func() { _ = send.CloseWithError(io.ErrClosedPipe) })
	return o
}

func (o *open) line(text string) {
	o.t.Helper()
	if _, err := io.WriteString(o.send, text+"\n"); err != nil {
		o.t.Fatal(err)
	}
}

// answer reads one line of the answer. At its end it returns io.EOF.
func (o *open) answer() (l lineReply, err error) {
	o.t.Helper()
	if o.reader == nil {
		resp, ok := <-o.answers
		if !ok || resp.StatusCode != http.StatusOK {
			o.t.Fatalf("the answer: %+v", resp)
		}
		o.t.Cleanup(func() { _ = resp.Body.Close() })
		o.reader = bufio.NewReader(resp.Body)
	}
	text, err := o.reader.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(text, &l)
	}
	return l, err
}

func TestBatch_AnswersWhileTheRequestIsStillRead(t *testing.T) {
	o := openBatch(t, apitest.Start(t, clock.System{}))
	for i := range 3 {
		o.line(body(goodLine))
		if l, err := o.answer(); err != nil || l.Status != 201 || l.Line != i+1 {
			t.Fatalf("line %d: %+v, %v", i+1, l, err)
		}
	}
	_ = o.send.Close()
	if l, err := o.answer(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %+v, %v", l, err)
	}
}

func TestBatch_EndsWithAProblemWhenTheServiceStops(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	o := openBatch(t, service)
	o.line(body(goodLine))
	if l, err := o.answer(); err != nil || l.Status != 201 {
		t.Fatalf("%+v, %v", l, err)
	}
	stopped := make(chan struct{})
	go func() { service.Stop(); close(stopped) }()
	if l, err := o.answer(); err != nil || l.String() != "2:503 unavailable" || l.Problem.RetrySeconds == 0 {
		t.Errorf("while it stops: %+v, %v", l, err)
	}
	if l, err := o.answer(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %+v, %v", l, err)
	}
	<-stopped
}

// TestBatch_KeepsWhatItPlacedForAClientThatHasGone has a client that disconnects in the middle. Sent again, the batch
// is answered with what was stored, and the rest is placed.
func TestBatch_KeepsWhatItPlacedForAClientThatHasGone(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	o := openBatch(t, service)
	var lines []string
	for i := range 300 {
		lines = append(lines, keyed(fmt.Sprint(i), "gone"))
		o.line(lines[i])
	}
	for i := range 100 {
		if l, err := o.answer(); err != nil || l.Status != 201 {
			t.Fatalf("line %d: %+v, %v", i+1, l, err)
		}
	}
	_, _ = io.WriteString(o.send, body(goodLine)) // without an end: it may be half a line
	_ = o.send.CloseWithError(errors.New("the client fails"))
	service.Stop() // waits for the request
	service.Start()
	page, err := service.Store.List(t.Context(), order.Query{Limit: 1000})
	if err != nil || len(page.Orders) < 100 || len(page.Orders) > 300 {
		t.Fatalf("%d orders, %v", len(page.Orders), err)
	}
	replayed := 0
	for i, l := range batchOf(lines...).lines(t, service) {
		if l.Status != 201 || l.Replayed != (i < len(page.Orders)) {
			t.Errorf("line %d again: %+v", i+1, l)
		}
		if l.Replayed {
			replayed++
		}
	}
	if replayed != len(page.Orders) {
		t.Errorf("%d orders were stored, and %d are replayed", len(page.Orders), replayed)
	}
}

// TestBatch_ReadsNoFurtherThanItsWindow has a client that reads no answers. The service reads no more of the request
// than 256 lines, and what its buffers take. It goes on when the client reads.
func TestBatch_ReadsNoFurtherThanItsWindow(t *testing.T) {
	r := newSlowReaders(t, apitest.Start(t, clock.System{}))
	const lines, most = 5000, 256 + (64<<10)/60 + (32<<10)/200 + 2
	var read atomic.Int64
	next := strings.Repeat(body(goodLine)+"\n", lines)
	req := httptest.NewRequest(http.MethodPost, "/v1/orders:batch", countingBody{strings.NewReader(next), &read})
	req.Header.Set("Content-Type", "application/x-ndjson")
	answer := httptest.NewRecorder()
	r.running.Go(func() { r.handler.ServeHTTP(stuckWriter{answer, r}, req) })
	clocktest.Eventually(t, "the first answers are written", func() bool { return r.stuck.Load() == 1 })
	length := int64(len(next) / lines)
	before, same := int64(-1), 0
	clocktest.Eventually(t, "nothing more is read", func() bool {
		now := read.Load()
		if same++; now != before {
			before, same = now, 0
		}
		return same > 20
	})
	if n := read.Load() / length; n < 256 || n > most {
		t.Errorf("%d lines were read, want 256 to %d", n, most)
	}
	r.read()
	if replies := repliesOf(t, answer.Body); len(replies) != lines || replies[lines-1].Status != 201 {
		t.Errorf("%d answers", len(replies))
	}
}

type countingBody struct {
	io.Reader
	read *atomic.Int64
}

func (c countingBody) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p[:min(len(p), 4<<10)])
	c.read.Add(int64(n))
	return n, err
}

// A client that reads only after it has sent everything may send as many lines as are under way at once.
func TestBatch_TakesAsManyLinesAsAreUnderWayFromAClientThatDoesNotReadMeanwhile(t *testing.T) {
	o := openBatch(t, apitest.Start(t, clock.System{}))
	long := body(goodLine, `"reference":"`+strings.Repeat("x", 120)+`"`)
	for range 256 {
		o.line(long)
	}
	_ = o.send.Close()
	n := 0
	for l, err := o.answer(); err == nil && l.Status == 201; l, err = o.answer() {
		n++
	}
	if n != 256 {
		t.Errorf("%d answers", n)
	}
}

func TestBatch_CountsEachLineForTheLimitOfRate(t *testing.T) {
	service := apitest.New(t, clock.System{})
	service.Limits = ratelimit.Config{PerAddress: 0.01, Burst: 500 * time.Second} // 5 requests
	service.Start()
	got := batchOf(body(goodLine), body(goodLine), `{}`, body(goodLine), body(goodLine), body(goodLine),
		body(goodLine)).lines(t, service)
	want := "[1:201 2:201 3:422 invalid_order /currency required /lines required 4:201 5:201 6:429 rate_limited " +
		"7:429 rate_limited]"
	if fmt.Sprint(texts(got)) != want || got[5].Problem.RetrySeconds < 90 {
		t.Errorf("got %s, %+v", texts(got), got[5].Problem)
	}
	if resp, _ := post(body(goodLine)).do(t, service); resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("alone after the batch: %d", resp.StatusCode)
	}
}

func TestBatch_AsksForTheScopeOfThePastByLineAndEndsWithTheCredential(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	credential := authtest.Key(t, service.Keys, auth.OrdersWrite)
	o := openBatch(t, service, "Authorization", "Bearer "+credential)
	past := body(goodLine, `"placed_at":"2010-12-01T08:26:00Z"`)
	for i, want := range []string{"1:201", "2:403 insufficient_scope", "3:201"} {
		o.line([]string{body(goodLine), past, body(goodLine)}[i])
		if l, err := o.answer(); err != nil || l.String() != want {
			t.Errorf("got %v %v, want %s", l, err, want)
		}
	}
	if _, err := service.Keys.Revoke(t.Context(), service.Keys.List()[0].ID); err != nil {
		t.Fatal(err)
	}
	o.line(body(goodLine))
	if l, err := o.answer(); err != nil || l.String() != "4:401 unauthenticated" {
		t.Errorf("after the revocation: %v %v", l, err)
	}
	if l, err := o.answer(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %+v, %v", l, err)
	}
}

func TestBatch_TellsTheDurabilityOfEachLine(t *testing.T) {
	service := acking(t, ack.Config{Wait: 100 * time.Millisecond})
	c := batchOf(keyed("a", "1"), body(goodLine), `{}`)
	c.header.Set("Prefer", "durability=kafka")
	got := c.lines(t, service) // no relay runs
	if fmt.Sprint(texts(got)) != "[1:503 not_replicated 2:503 not_replicated 3:422 invalid_order /currency required "+
		"/lines required]" || !strings.HasPrefix(got[0].Problem.Instance, "/v1/orders/") ||
		got[0].Problem.RetrySeconds == 0 || !strings.Contains(got[1].Problem.Detail, "do not repeat it") {
		t.Errorf("while Kafka is away: %+v", got)
	}
	published(t, service)
	resp, answer := c.do(t, service)
	if resp.Header.Get("Preference-Applied") != "durability=kafka" {
		t.Errorf("headers %v", resp.Header)
	}
	got = repliesOf(t, strings.NewReader(answer))
	if len(got) != 3 || got[0].Durability != "kafka" || !got[0].Replayed || got[1].Durability != "kafka" {
		t.Errorf("with Kafka: %s", answer)
	}
	if got := batchOf(keyed("b", "1")).lines(t, service); got[0].Durability != "local" {
		t.Errorf("without the preference: %+v", got)
	}
}

func TestBatch_AnswersWithIDsAlone(t *testing.T) {
	service := acking(t, ack.Config{Wait: 100 * time.Millisecond})
	c := batchOf(keyed("a", "1"), keyed("a", "1"), `{}`)
	whole := c.lines(t, service)
	published(t, service)
	for preference, applied := range map[string]string{
		"return=minimal":                   "return=minimal",
		"wait=5, return=minimal":           "return=minimal",
		"durability=kafka, return=minimal": "durability=kafka, return=minimal",
	} {
		c.header.Set("Prefer", preference)
		resp, answer := c.do(t, service)
		if got := resp.Header.Get("Preference-Applied"); got != applied {
			t.Errorf("%s: applied is %q", preference, got)
		}
		lines := strings.Split(strings.TrimSpace(answer), "\n")
		want := `{"status":201,"line":1,"id":"` + whole[0].Order.ID + `","replayed":true,"durability":"kafka"}`
		if len(lines) != 3 || lines[0] != want || lines[1] != strings.Replace(want, `"line":1`, `"line":2`, 1) ||
			!strings.HasPrefix(lines[2], `{"status":422,"line":3,"problem":{`) {
			t.Errorf("%s: got %s\nwant %s", preference, answer, want)
		}
	}
	c.header.Set("Prefer", "return=representation")
	if resp, answer := c.do(t, service); resp.Header.Get("Preference-Applied") != "" ||
		!strings.Contains(answer, `"order":{`) {
		t.Errorf("return=representation: %s", answer)
	}
}

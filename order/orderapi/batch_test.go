package orderapi_test

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"

	"ordertally/order"
	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/web/problem"
)

// lineReply is a line of the answer to a batch.
type lineReply struct {
	Status     int             `json:"status"`
	Line       int             `json:"line"`
	Order      *event.Order    `json:"order"`
	Replayed   bool            `json:"replayed"`
	Durability string          `json:"durability"`
	Problem    problem.Problem `json:"problem"`
}

// String has what a test compares: the status, then the code or the order's reference.
func (l lineReply) String() string {
	text := fmt.Sprintf("%d:%d", l.Line, l.Status)
	switch {
	case l.Problem.Code != "":
		text += " " + l.Problem.Code
		for _, e := range l.Problem.Errors {
			text += " " + e.Pointer + " " + e.Code
		}
	case l.Replayed:
		text += " replayed"
	}
	return text
}

func batchOf(lines ...string) call {
	return call{method: http.MethodPost, path: "/v1/orders:batch", body: strings.Join(lines, "\n") + "\n",
		header: http.Header{"Content-Type": {"application/x-ndjson"}}}
}

// lines sends a batch and returns the lines of its answer.
func (c call) lines(t *testing.T, service *apitest.Service) []lineReply {
	t.Helper()
	resp, answer := c.do(t, service)
	if resp.StatusCode != http.StatusOK || resp.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("%d %v %s", resp.StatusCode, resp.Header, answer)
	}
	return repliesOf(t, strings.NewReader(answer))
}

func repliesOf(t *testing.T, answer io.Reader) (replies []lineReply) {
	t.Helper()
	scanner := bufio.NewScanner(answer)
	scanner.Buffer(nil, 4<<20)
	for scanner.Scan() {
		var l lineReply
		if err := json.Unmarshal(scanner.Bytes(), &l); err != nil {
			t.Fatalf("%v: %s", err, scanner.Text())
		}
		replies = append(replies, l)
	}
	if err := scanner.Err(); err != nil {
		t.Fatal(err)
	}
	return replies
}

func texts(replies []lineReply) (all []string) {
	for _, l := range replies {
		all = append(all, l.String())
	}
	return all
}

// keyed is a line with a key and a reference.
func keyed(key, reference string) string {
	return body(goodLine, `"idempotency_key":"`+key+`","reference":"`+reference+`"`)
}

func TestBatch_AnswersALineForEachLineInTheirOrder(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	var lines []string
	for i := range 1000 {
		lines = append(lines, keyed(fmt.Sprint(i), fmt.Sprint(i)))
	}
	replies := batchOf(lines...).lines(t, service)
	if len(replies) != len(lines) {
		t.Fatalf("%d answers", len(replies))
	}
	before := ""
	for i, l := range replies {
		if l.Status != 201 || l.Line != i+1 || l.Order.Reference != fmt.Sprint(i) || l.Durability != "local" ||
			l.Replayed {
			t.Fatalf("line %d: %+v", i+1, l)
		}
		if l.Order.ID <= before {
			t.Fatalf("line %d has the id %s, which is not after that of the line before", i+1, l.Order.ID)
		}
		before = l.Order.ID
	}
}

// TestBatch_RefusesALineAlone has one line of each fault between good ones.
func TestBatch_RefusesALineAlone(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	if resp, answer := post(body(goodLine), "Idempotency-Key", "used").do(t, service); resp.StatusCode != 201 {
		t.Fatal(answer)
	}
	if resp, answer := post(body(goodLine, `"source":"till","reference":"1"`)).do(t, service); resp.StatusCode != 201 {
		t.Fatal(answer)
	}
	for _, c := range []struct{ name, line, want string }{
		{"half an object", `{"currency":"GBP","lines":[`, "400 malformed_json /lines syntax"},
		{"two values", body(goodLine) + body(goodLine), "400 malformed_json  trailing_data"},
		{"null", `null`, "400 malformed_json  not_an_object"},
		{"not UTF-8", body(goodLine, "\"reference\":\"\xff\""), "400 malformed_json /reference invalid_utf8"},
		{"repeated key", body(goodLine, `"idempotency_key":"a","idempotency_key":"b"`),
			"400 malformed_json /idempotency_key repeated_name"},
		{"no currency", `{"lines":[` + goodLine + `]}`, "422 invalid_order /currency required"},
		{"unknown member", body(goodLine, `"note":"x"`), "422 invalid_order /note unknown_field"},
		{"a durability", body(goodLine, `"durability":"kafka"`), "422 invalid_order /durability unknown_field"},
		{"a key in a line of the order", body(`{"sku":"a","quantity":1,"unit_price":1,"idempotency_key":"a"}`),
			"422 invalid_order /lines/0/idempotency_key unknown_field"},
		{"a key that is no text", body(goodLine, `"idempotency_key":1`),
			"422 invalid_order /idempotency_key wrong_type"},
		{"an empty key", body(goodLine, `"idempotency_key":""`),
			"400 invalid_idempotency_key /idempotency_key invalid_character"},
		{"a key with a space", body(goodLine, `"idempotency_key":"a b"`),
			"400 invalid_idempotency_key /idempotency_key invalid_character"},
		{"a key of 256", body(goodLine, `"idempotency_key":"`+strings.Repeat("k", 256)+`"`),
			"400 invalid_idempotency_key /idempotency_key invalid_character"},
		{"a key of another order", keyed("used", "other"), "422 idempotency_key_reused"},
		{"a reference of another order", body(goodLine+","+goodLine, `"source":"till","reference":"1"`),
			"409 reference_taken"},
		{"over 1 MiB", body(goodLine, `"reference":"`+strings.Repeat("x", order.MaxBody)+`"`), "413 body_too_large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := service.Transactions()
			if got := texts(batchOf(`{"currency":"GBP"}`, c.line).lines(t, service)); len(got) != 2 ||
				got[1] != "2:"+c.want {
				t.Errorf("got %q, want %q", got, "2:"+c.want)
			}
			if service.Transactions() != before {
				t.Error("something was stored")
			}
			got := batchOf(body(goodLine), c.line, body(goodLine)).lines(t, service)
			if len(got) != 3 || got[0].Status != 201 || got[2].Status != 201 || got[2].Line != 3 ||
				!strings.HasPrefix(got[1].Problem.Detail, "Line 2: ") || got[1].Problem.Status != got[1].Status {
				t.Errorf("between good lines: %+v", got)
			}
		})
	}
}

// TestBatch_RefusesWhatIsNoBatch checks that nothing is stored of a request that is refused as a whole.
func TestBatch_RefusesWhatIsNoBatch(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	before := service.Transactions()
	good := batchOf(body(goodLine))
	with := func(change func(*call)) call {
		c := good
		c.header = good.header.Clone()
		change(&c)
		return c
	}
	for _, c := range []struct {
		name   string
		call   call
		status int
		code   string
	}{
		{"JSON's media type", with(func(c *call) { c.header.Set("Content-Type", "application/json") }), 415,
			"unsupported_media_type"},
		{"no media type", with(func(c *call) { c.header["Content-Type"] = []string{""} }), 415,
			"unsupported_media_type"},
		{"compressed", with(func(c *call) { c.header.Set("Content-Encoding", "gzip") }), 415, "unsupported_media_type"},
		{"empty", with(func(c *call) { c.body = "" }), 400, "malformed_json"},
		{"blank lines only", with(func(c *call) { c.body = "\n \t\r\n\n" }), 400, "malformed_json"},
		{"an array", with(func(c *call) { c.body = "[" + body(goodLine) + "]" }), 400, "malformed_json"},
		{"a form", with(func(c *call) { c.body = "currency=GBP" }), 400, "malformed_json"},
		{"a key in the header", with(func(c *call) { c.header.Set("Idempotency-Key", "k") }), 400,
			"invalid_idempotency_key"},
		{"a parameter", with(func(c *call) { c.path += "?a=1" }), 400, "invalid_parameter"},
		{"another method", on(http.MethodGet, "/v1/orders:batch"), 405, "method_not_allowed"},
	} {
		resp, answer := c.call.do(t, service)
		if resp.StatusCode != c.status || !strings.Contains(answer, `"code":"`+c.code+`"`) {
			t.Errorf("%s: %d %s", c.name, resp.StatusCode, answer)
		}
	}
	if service.Transactions() != before {
		t.Error("something was stored")
	}
}

func TestBatch_PassesOverBlankLinesAndTakesAnyLineEnd(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	c := batchOf()
	c.body = "\n  \r\n" + body(goodLine) + "\r\n\n\t" + body(goodLine) + "  \n\n" + body(goodLine)
	if got := fmt.Sprint(texts(c.lines(t, service))); got != "[3:201 5:201 7:201]" {
		t.Errorf("got %s", got)
	}
}

func TestBatch_ALineIsAReplayOfTheSameOrderPlacedAloneAndTheOtherWayRound(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	resp, alone := post(body(goodLine), "Idempotency-Key", "alone").do(t, service)
	if resp.StatusCode != 201 {
		t.Fatal(alone)
	}
	got := batchOf(
		body(goodLine, `"idempotency_key":"alone"`), body(goodLine, `"idempotency_key":"\u0061lone"`),
		body(goodLine, `"idempotency_key":"k"`), body(goodLine, `"idempotency_key":"k"`),
		keyed("k", "other"), body(goodLine, `"source":"s","reference":"1"`),
		body(goodLine, `"source":"s","reference":"1"`),
	).lines(t, service)
	want := "[1:201 replayed 2:201 replayed 3:201 4:201 replayed 5:422 idempotency_key_reused 6:201 7:201 replayed]"
	if fmt.Sprint(texts(got)) != want {
		t.Errorf("got %s", texts(got))
	}
	if !strings.Contains(alone, got[0].Order.ID) || got[3].Order.ID != got[2].Order.ID ||
		got[6].Order.ID != got[5].Order.ID {
		t.Errorf("other orders were answered: %+v", got)
	}
	if resp, again := post(body(goodLine), "Idempotency-Key", "k").do(t, service); resp.StatusCode != 201 ||
		resp.Header.Get("Idempotent-Replayed") != "true" || !strings.Contains(again, got[2].Order.ID) {
		t.Errorf("alone after the batch: %d %s", resp.StatusCode, again)
	}
	if resp, answer := post(body(goodLine, `"idempotency_key":"k"`)).do(t, service); resp.StatusCode != 422 {
		t.Errorf("the member in an order that comes alone: %d %s", resp.StatusCode, answer)
	}
}

func TestBatch_PlacesNothingBehindItsLastLine(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	const most = 10_000
	lines := strings.Split(strings.Repeat(`{},`, most+50), ",")[:most+50]
	for i, line := range map[int]string{0: body(goodLine), most - 1: body(goodLine), most: body(goodLine)} {
		lines[i] = line
	}
	got := batchOf(lines...).lines(t, service)
	if len(got) != most+1 || got[most-1].Status != 201 || got[most].String() != "10001:413 too_many_lines" {
		t.Errorf("%d answers, the last ones %v", len(got), got[len(got)-2:])
	}
	if page, err := service.Store.List(t.Context(), order.Query{Limit: 5}); err != nil || len(page.Orders) != 2 {
		t.Errorf("%d orders, %v", len(page.Orders), err)
	}
}

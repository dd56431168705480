package orderapi_test

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/rs/zerolog"

	"ordertally/order"
	"ordertally/order/orderapi"
	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
	"ordertally/shared/uuidv7"
)

func republish(from, to string) call {
	return call{method: http.MethodPost, path: "/v1/orders/republish?placed_from=" + from + "&placed_to=" + to}
}

// lastLine returns the last line of the answer to a republication.
func lastLine(t *testing.T, answer string) (last orderapi.Republished) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(answer), "\n")
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
		t.Fatalf("%v: %s", err, answer)
	}
	return last
}

func records(t *testing.T, publisher *outboxtest.Publisher, n int) []outbox.Record {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	all, err := publisher.Await(ctx, n)
	if err != nil {
		t.Fatalf("%d records, want %d: %v", len(all), n, err)
	}
	return all
}

func headersWithout(r outbox.Record, names ...string) (kept []string) {
	for _, h := range r.Headers {
		if !slices.Contains(names, h.Key) {
			kept = append(kept, h.Key+": "+string(h.Value))
		}
	}
	return kept
}

// What the outbox has forgotten is made of the rows of orders and cancellations, byte for byte.
func TestRepublish_MakesTheMessagesAnewFromTheOrders(t *testing.T) {
	placed := now.Truncate(time.Millisecond)
	at := clock.NewManual(placed)
	service := apitest.New(t, at)
	service.Retention = time.Millisecond
	service.Start()
	_, publisher := service.PublishRefusing("sick", outbox.RelayConfig{CheckEvery: 5 * time.Millisecond}, zerolog.Nop())
	var ids []string
	for day := range 4 {
		id, _ := placeOne(t, service, "Idempotency-Key", "p"+string(rune('0'+day)))
		ids = append(ids, id)
		if day == 1 {
			if resp, answer := cancel(id, `{"reason":"twice"}`, "Idempotency-Key", "c").do(t,
				service); resp.StatusCode !=
				http.StatusOK {
				t.Fatalf("%d %s", resp.StatusCode, answer)
			}
		}
		at.Advance(24 * time.Hour)
	}
	first := records(t, publisher, 5)
	clocktest.Eventually(t, "the outbox forgets", func() bool {
		_, delivery := get("/v1/orders/"+ids[3]+"/delivery").do(t, service)
		return !strings.Contains(delivery, "committed_at")
	})
	_, answer := republish("2026-05-01T13:00:00Z", "2026-05-04T12:00:00.123Z").do(t, service) // days 1 and 2
	done := lastLine(t, answer)
	if !done.Done || done.Orders != 2 || done.Messages != 3 || done.Days != 2 || len(done.Left) != 0 ||
		!done.First.Equal(placed.Add(24*time.Hour)) || !done.Last.Equal(placed.Add(48*time.Hour)) {
		t.Fatalf("%s", answer)
	}
	again := records(t, publisher, 8)[5:]
	if types := []string{header(again[0], "ce_type"), header(again[1], "ce_type"),
		header(again[2], "ce_type")}; !slices.
		Equal(types, []string{event.TypeCreated, event.TypeCancelled, event.TypeCreated}) {
		t.Errorf("sent %v", types)
	}
	changed := []string{cloudevent.HeaderPrevious, cloudevent.HeaderPartitionPrevious, cloudevent.HeaderRepublished,
		cloudevent.HeaderTraceParent}
	for i, r := range again {
		was := first[1+i]
		if !bytes.Equal(r.Value, was.Value) || r.Partition != was.Partition || !bytes.Equal(r.Key, was.Key) ||
			!slices.Equal(headersWithout(r, changed...), headersWithout(was, changed...)) {
			t.Errorf("sent again: %s %q\nat first:   %s %q", r.Value, headersWithout(r, changed...), was.Value,
				headersWithout(was, changed...))
		}
		if header(r, cloudevent.HeaderRepublished) == "" {
			t.Error("nothing says that it is sent again")
		}
	}
}

func header(r outbox.Record, name string) string {
	for _, h := range r.Headers {
		if h.Key == name {
			return string(h.Value)
		}
	}
	return ""
}

// Nothing is sent before it is published. What waits, is parked or given up stays so.
func TestRepublish_LeavesOutWhatIsNotPublished(t *testing.T) {
	at := clock.NewManual(now)
	service := apitest.Start(t, at)
	_, publisher := service.PublishWithout("sick")
	placeOne(t, service)
	sick := strings.Replace(goodLine, `"sku":"`, `"sku":"sick","description":"`, 1)
	if resp, answer := post(body(sick)).do(t, service); resp.StatusCode != http.StatusCreated {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	service.AwaitParked(1)
	_, answer := republish("2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z").do(t, service)
	if done := lastLine(t, answer); !done.Done || done.Messages != 1 || done.Left[order.Parked] != 1 {
		t.Errorf("%s", answer)
	}
	if all := records(t, publisher, 2); len(all) != 2 {
		t.Errorf("%d records", len(all))
	}
}

func TestRepublish_RefusesWhatIsNoRange(t *testing.T) {
	service := apitest.Start(t, clock.NewManual(now))
	for name, c := range map[string]call{
		"no times":        {method: http.MethodPost, path: "/v1/orders/republish"},
		"no end":          {method: http.MethodPost, path: "/v1/orders/republish?placed_from=2026-05-01T00:00:00Z"},
		"no time":         republish("yesterday", "2026-05-01T00:00:00Z"),
		"nothing between": republish("2026-05-01T00:00:00Z", "2026-05-01T00:00:00Z"),
		"backwards":       republish("2026-05-02T00:00:00Z", "2026-05-01T00:00:00Z"),
		"a typing error":  {method: http.MethodPost, path: "/v1/orders/republish?from=2026-05-01T00:00:00Z"},
	} {
		if resp, answer := c.do(t, service); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, resp.StatusCode, answer)
		}
	}
}

// While Kafka is away a republication waits and says so. A second one is refused. When the first one's client goes, it
// ends, and the next one may run.
func TestRepublish_RunsOnceAtATimeAndEndsWithItsRequest(t *testing.T) {
	service := apitest.Start(t, clock.NewManual(now))
	placeOne(t, service) // no relay runs
	ctx, leave := context.WithCancel(t.Context())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, service.URL+
		"/v1/orders/republish?placed_from=2026-05-01T00:00:00Z&placed_to=2026-06-01T00:00:00Z", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request) // it returns with the first line
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	line := make([]byte, 1<<10)
	n, _ := answer.Body.Read(line)
	if p := lastLine(t, string(line[:n])); p.Done || p.Messages != 0 || p.Kafka != "idle" {
		t.Errorf("%s", line[:n])
	}
	second := republish("2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z")
	if resp, text := second.do(t, service); resp.StatusCode != http.StatusConflict ||
		!strings.Contains(text, `"code":"republishing"`) {
		t.Errorf("a second one: %d %s", resp.StatusCode, text)
	}
	leave()
	service.PublishWithout("sick")
	clocktest.Eventually(t, "the next one runs", func() bool {
		resp, text := republish("2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z").do(t, service)
		return resp.StatusCode == http.StatusOK && lastLine(t, text).Done
	})
}

// Orders placed with an old time are found, and orders that come after the beginning are not waited for.
func TestRepublish_FindsOrdersWhateverTheirTime(t *testing.T) {
	service := apitest.Start(t, clock.NewManual(now))
	_, publisher := service.PublishWithout("sick")
	old := strings.Replace(body(goodLine), "{", `{"placed_at":"2010-12-01T08:26:00Z",`, 1)
	for range 3 {
		if resp, answer := post(old).do(t, service); resp.StatusCode != http.StatusCreated {
			t.Fatalf("%d %s", resp.StatusCode, answer)
		}
	}
	placeOne(t, service)
	records(t, publisher, 4)
	_, answer := republish("2010-12-01T00:00:00Z", "2010-12-02T00:00:00Z").do(t, service)
	if done := lastLine(t, answer); done.Messages != 3 || done.Days != 1 || done.Looked != 4 {
		t.Errorf("%s", answer)
	}
	for _, r := range records(t, publisher, 7)[4:] {
		id, err := uuidv7.Parse(header(r, cloudevent.HeaderID))
		if err != nil || time.Since(id.Time()) > 24*365*time.Hour*20 {
			t.Errorf("the id of %s does not have the time of its slot: %v", r.Key, err)
		}
	}
}

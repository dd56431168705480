package orderapi_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/rs/zerolog"

	"ordertally/order"
	"ordertally/order/admission"
	"ordertally/order/orderapi"
	"ordertally/order/orderapi/apitest"
	"ordertally/shared/auth"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/uuidv7"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 123_456_789, time.UTC)

func TestPlacingAnOrder(t *testing.T) {
	service := apitest.Start(t, clock.NewManual(now))
	resp, answer := post(`{"reference":"536365","customer_id":"17850","currency":"GBP","lines":[
		{"sku":"85123A","description":"WHITE <\"HEART\"> \u00e9","quantity":6,"unit_price":255},
		{"sku":"71053","quantity":1,"unit_price":0}],
		"placed_at":"2010-12-01T09:26:00+01:00","metadata":{"z":"1","country":"United Kingdom"}}`).do(t, service)
	id := strings.TrimPrefix(resp.Header.Get("Location"), "/v1/orders/")
	want := `{"id":"` + id + `","reference":"536365","customer_id":"17850","currency":"GBP","lines":[` +
		`{"sku":"85123A","description":"WHITE <\"HEART\"> é","quantity":6,"unit_price":255},{"sku":"71053",` +
		`"quantity":1,"unit_price":0}],` +
		`"total":1530,"placed_at":"2010-12-01T08:26:00Z","metadata":{"country":"United Kingdom","z":"1"},` +
		`"publication":{"state":"pending","attempts":0}}`
	if resp.StatusCode != http.StatusCreated || answer != want {
		t.Fatalf("got  %d %s\nwant %s", resp.StatusCode, answer, want)
	}
	if _, err := uuidv7.Parse(id); err != nil || resp.Header.Get("Content-Type") != "application/json" ||
		resp.Header.Get("Idempotent-Replayed") != "" {
		t.Fatalf("headers %v", resp.Header)
	}
	want = strings.Replace(want, `,"publication"`, `,"status":"placed","publication"`, 1)
	if resp, again := get(resp.Header.Get("Location")).do(t, service); resp.StatusCode != http.StatusOK ||
		again != want {
		t.Fatalf("get: %d %s", resp.StatusCode, again)
	}
}

func TestTheLeastOrderIsPlacedNow(t *testing.T) {
	service := apitest.Start(t, clock.NewManual(now))
	resp, answer := post(body(goodLine)).do(t, service)
	rest := regexp.MustCompile(`^\{"id":"[^"]*"`).ReplaceAllString(answer, "")
	want := `,"currency":"GBP","lines":[` + goodLine +
		`],"total":1,"placed_at":"2026-05-01T12:00:00.123Z","publication":{"state":"pending","attempts":0}}`
	if resp.StatusCode != http.StatusCreated || rest != want {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
}

func TestTheLargestOrderIsPlaced(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	long := fmt.Sprintf(`{"sku":"%s","description":"%s","quantity":1000000000,"unit_price":4611686}`,
		strings.Repeat("s", 64), strings.Repeat("d", 380))
	whole := body(long + strings.Repeat(","+long, 1999))
	whole += strings.Repeat(" ", order.MaxBody-len(whole))
	resp, answer := post(whole).do(t, service)
	if resp.StatusCode != http.StatusCreated || !strings.Contains(answer, `"total":9223372000000000000`) {
		t.Fatalf("%d %.300s", resp.StatusCode, answer)
	}
}

func TestAKeyPlacesOneOrder(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	place := func() (*http.Response, string) { return post(body(goodLine), "Idempotency-Key", "!k~").do(t, service) }
	var mu sync.Mutex
	var wait sync.WaitGroup
	answers := map[string]int{}
	for range 16 {
		wait.Go(func() {
			resp, answer := place()
			mu.Lock()
			defer mu.Unlock()
			answers[fmt.Sprint(resp.StatusCode, resp.Header.Get("Location"), answer)]++
		})
	}
	wait.Wait()
	if len(answers) != 1 {
		t.Fatalf("got %v", answers)
	}
	if resp, _ := place(); resp.Header.Get("Idempotent-Replayed") != "true" || resp.StatusCode != http.StatusCreated {
		t.Fatalf("a replay: %d %v", resp.StatusCode, resp.Header)
	}
	if page, err := service.Store.List(t.Context(), order.Query{Limit: 2}); err != nil || len(page.Orders) != 1 {
		t.Fatalf("%d orders, %v", len(page.Orders), err)
	}
}

// pages follows the list from path and returns the references on each page.
func pages(t *testing.T, service *apitest.Service, path string) (all []string) {
	t.Helper()
	for path != "" {
		resp, answer := get(path).do(t, service)
		var page struct {
			Orders     []event.Order `json:"orders"`
			NextCursor *string       `json:"next_cursor"`
		}
		if err := json.Unmarshal([]byte(answer), &page); err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %d %s", path, resp.StatusCode, answer)
		}
		var references strings.Builder
		for _, o := range page.Orders {
			references.WriteString(o.Reference)
		}
		all = append(all, references.String())
		link := regexp.MustCompile(`^<([^>]*)>; rel="next"$`).FindStringSubmatch(resp.Header.Get("Link"))
		if (link == nil) != (page.NextCursor == nil) {
			t.Fatalf("%s: Link %q and next_cursor %v do not agree", path, resp.Header.Get("Link"), page.NextCursor)
		}
		path = ""
		if link != nil {
			path = link[1]
		}
	}
	return all
}

func TestListing(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	if got := pages(t, service, "/v1/orders"); !slices.Equal(got, []string{""}) {
		t.Fatalf("an empty list: %q", got)
	}
	for i := range 7 {
		resp, answer := post(body(goodLine,
			fmt.Sprintf(`"reference":"%d","customer_id":"c & %d","placed_at":"2010-12-0%dT00:00:00Z"`, i, i%2,
				i+1))).do(t, service)
		if resp.StatusCode != http.StatusCreated {
			t.Fatal(answer)
		}
	}
	for path, want := range map[string][]string{
		"/v1/orders":                             {"6543210"},
		"/v1/orders?limit=7":                     {"6543210"},
		"/v1/orders?limit=3":                     {"654", "321", "0"},
		"/v1/orders?customer_id=c+%26+1&limit=2": {"53", "1"},
		"/v1/orders?customer_id=c":               {""},
		"/v1/orders?placed_from=2010-12-03T00:00:00Z&placed_to=2010-12-05T01:00:00%2B01:00": {"32"},
		"/v1/orders?placed_to=2010-12-01T00:00:00Z":                                         {""},
		"/v1/orders?placed_to=0001-01-01T00:00:00Z":                                         {""},
		"/v1/orders?placed_from=0001-01-01T00:00:00Z":                                       {"6543210"},
	} {
		if got := pages(t, service, path); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestOrdersPlacedMeanwhileDoNotShiftPages(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	place := func(reference string) {
		if resp, answer := post(body(goodLine, `"reference":"`+reference+`"`)).do(t,
			service); resp.StatusCode != http.StatusCreated {
			t.Fatal(answer)
		}
	}
	place("1")
	place("2")
	place("3")
	resp, _ := get("/v1/orders?limit=2").do(t, service)
	place("4")
	next := strings.Trim(strings.Split(resp.Header.Get("Link"), ";")[0], "<>")
	if got := pages(t, service, next); !slices.Equal(got, []string{"1"}) {
		t.Fatalf("the second page: %q", got)
	}
}

// failing is a store whose placements fail with err, because a test cannot make a disk fail.
type failing struct {
	order.Store
	err error
}

func (f failing) Place(context.Context, *order.Request) (order.Placed, error) {
	return order.Placed{}, f.err
}

func TestStoreErrors(t *testing.T) {
	for _, c := range []struct {
		err        error
		status     int
		code       string
		retryAfter string
	}{
		{order.ErrUnavailable, 503, "unavailable", "2"},
		{order.ErrOutcomeUnknown, 503, "outcome_unknown", "2"},
		{errors.New("page 17 at /secret/order.db is torn"), 500, "internal", ""},
	} {
		placement, err := order.NewOrders(failing{err: fmt.Errorf("place: %w", c.err)}, clock.System{})
		if err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		handler := orderapi.New(orderapi.Config{Orders: placement, Store: failing{}, Logger: zerolog.New(&log),
			Guard: auth.Unguarded(), Limiter: ratelimit.Unlimited(), Gate: admission.Unlimited()})
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/orders",
			strings.NewReader(body(goodLine)))
		r.Header.Set("Content-Type", "application/json")
		handler.ServeHTTP(w, r)
		if w.Code != c.status || !strings.Contains(w.Body.String(), `"code":"`+c.code+`"`) ||
			w.Header().Get("Retry-After") != c.retryAfter ||
			strings.Contains(w.Body.String(), "secret") || w.Header().Get("Location") != "" {
			t.Errorf("%v: %d %s %v", c.err, w.Code, w.Body, w.Header())
		}
		if !strings.Contains(log.String(), c.err.Error()) {
			t.Errorf("%v is not in the log: %s", c.err, log.String())
		}
	}
}

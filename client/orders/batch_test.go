package orders_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
	"ordertally/shared/web/problem"
)

// manyLines are n orders with keys. Every tenth is refused.
func manyLines(n int) []orders.BatchLine {
	lines := make([]orders.BatchLine, n)
	for i := range lines {
		lines[i] = orders.BatchLine{IdempotencyKey: fmt.Sprint("k", i), OrderDraft: orders.OrderDraft{
			Currency: "EUR", Reference: fmt.Sprint(i), Lines: []orders.DraftLine{{SKU: "a", Quantity: 1, UnitPrice: 1}},
		}}
		if i%10 == 9 {
			lines[i].Currency = "euro"
		}
	}
	return lines
}

// cutting cuts some answers after a number of bytes, and refuses others for now.
type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(p []byte) (int, error) {
	if c.left -= len(p); c.left < 0 {
		panic(http.ErrAbortHandler)
	}
	return c.ResponseWriter.Write(p)
}

func (c *cutting) Unwrap() http.ResponseWriter { return c.ResponseWriter }

func placing(t *testing.T, url string, retryFor time.Duration) *orders.Client {
	t.Helper()
	c, err := orders.New(client.Config{URL: url, RetryFor: retryFor})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPlaceBatch_SendsAgainWhatHasNoAnswer(t *testing.T) {
	service := apitest.New(t, clock.System{})
	var requests atomic.Int64
	service.Wrap = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodPost {
				next.ServeHTTP(w, r)
				return
			}
			switch n := requests.Add(1); {
			case n == 1:
				problem.Write(w, r, problem.New(http.StatusServiceUnavailable, "unavailable", ""))
			case n < 6:
				next.ServeHTTP(&cutting{w, int(n) * 50_000}, r)
			default:
				next.ServeHTTP(w, r)
			}
		})
	}
	service.Start()
	lines := manyLines(2000)
	answers := make([]*orders.BatchAnswer, len(lines))
	err := placing(t, service.URL, time.Minute).PlaceBatch(t.Context(), orders.PlaceBatchParams{}, lines,
		func(i int, a *orders.BatchAnswer) {
			if answers[i] != nil {
				t.Errorf("line %d has a second answer: %+v", i, a)
			}
			answers[i] = a
		})
	if err != nil || requests.Load() < 3 {
		t.Fatalf("after %d requests: %v", requests.Load(), err)
	}
	for i, a := range answers {
		placed, err := a.Placed()
		if refused := i%10 == 9; refused {
			if !client.HasCode(err, orders.ProblemCodeInvalidOrder) || a.Status != http.StatusUnprocessableEntity {
				t.Fatalf("line %d: %+v, %v", i, a, err)
			}
			continue
		}
		if err != nil || placed.Reference != lines[i].Reference || a.Durability != "local" {
			t.Fatalf("line %d: %+v, %v", i, placed, err)
		}
	}
	stored := 0
	for _, err := range placing(t, service.URL, -1).All(t.Context(), orders.ListOrdersParams{}) {
		if err != nil {
			t.Fatal(err)
		}
		stored++
	}
	if stored != 1800 {
		t.Errorf("%d orders are stored, want 1800", stored)
	}
}

func TestPlaceBatch_SendsALineWithoutANameOnlyOnce(t *testing.T) {
	service := apitest.New(t, clock.System{})
	var requests atomic.Int64
	service.Wrap = func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			requests.Add(1)
			next.ServeHTTP(&cutting{w, 100}, r)
		})
	}
	service.Start()
	lines := manyLines(3)
	lines[1].IdempotencyKey = ""
	err := placing(t, service.URL, time.Minute).PlaceBatch(t.Context(), orders.PlaceBatchParams{}, lines,
		func(i int, a *orders.BatchAnswer) { t.Errorf("line %d: %+v", i, a) })
	if err == nil || requests.Load() != 1 {
		t.Errorf("%d requests, %v", requests.Load(), err)
	}
}

func TestPlaceBatch_GivesUpWhereRepeatingDoesNotHelp(t *testing.T) {
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		want   string
	}{
		"a refusal": {func(w http.ResponseWriter, r *http.Request) {
			problem.Write(w, r, problem.New(http.StatusUnauthorized, "unauthenticated", ""))
		}, "401 unauthenticated"},
		"an older service": {http.NotFound, "answered 404"},
		"another service": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) },
			"want application/x-ndjson"},
	} {
		service := apitest.New(t, clock.System{})
		var requests atomic.Int64
		service.Wrap = func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				c.answer(w, r)
			})
		}
		service.Start()
		err := placing(t, service.URL, time.Minute).PlaceBatch(t.Context(), orders.PlaceBatchParams{}, manyLines(2),
			func(i int, a *orders.BatchAnswer) { t.Errorf("%s: line %d: %+v", name, i, a) })
		if err == nil || !strings.Contains(err.Error(), c.want) || requests.Load() != 1 {
			t.Errorf("%s: %d requests, %v", name, requests.Load(), err)
		}
		service.Stop()
	}
}

func TestPlaceBatch_RetriesLinesThatWereRefusedForNow(t *testing.T) {
	var sent []string
	service := apitest.New(t, clock.System{})
	service.Wrap = func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", client.NDJSON)
			first := len(sent) == 0
			sent = append(sent, fmt.Sprint(r.ContentLength))
			if first {
				fmt.Fprintln(w, `{"status":429,"line":1,"problem":{"status":429,"code":"rate_limited",`+
					`"retry_after":1}}`)
				fmt.Fprintln(w, `{"status":201,"line":2,"order":{}}`)
				fmt.Fprintln(w, `{"status":503,"line":3,"problem":{"status":503,"code":"unavailable"}}`)
				return
			}
			fmt.Fprintln(w, `{"status":201,"line":1,"order":{}}`)
			fmt.Fprintln(w, `{"status":201,"line":2,"order":{},"replayed":true}`)
		})
	}
	service.Start()
	var got []string
	began := time.Now()
	err := placing(t, service.URL, time.Minute).PlaceBatch(t.Context(), orders.PlaceBatchParams{}, manyLines(3),
		func(i int, a *orders.BatchAnswer) { got = append(got, fmt.Sprint(i, " ", a.Status, " ", a.Replayed)) })
	if err != nil || !slices.Equal(got, []string{"1 201 false", "0 201 false", "2 201 true"}) || len(sent) != 2 {
		t.Errorf("%q, %q, %v", got, sent, err)
	}
	if time.Since(began) < time.Second {
		t.Error("Retry-After was not kept")
	}
	var p client.Problem
	err = placing(t, service.URL, -1).PlaceBatch(t.Context(), orders.PlaceBatchParams{}, manyLines(10_001), nil)
	if err == nil || errors.As(err, &p) || len(sent) != 2 {
		t.Errorf("a batch that is too long: %v", err)
	}
}

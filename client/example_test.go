// Package client_test shows both generated clients at work.
package client_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"github.com/oapi-codegen/runtime/types"
	"github.com/rs/zerolog"

	"ordertally/client/orders"
	"ordertally/client/statistics"
	"ordertally/stack"
)

// place places an order, and again: with the same key it is the same order.
func place(ctx context.Context, server, key string) error {
	shop, err := orders.Open(server, key, orders.WithHTTPClient(&http.Client{
		Timeout: time.Minute, Transport: patient{attempts: 5, longest: 10 * time.Second}, // a 429 or a 503 is waited out
	}))
	if err != nil {
		return err
	}
	draft := orders.OrderDraft{Currency: "GBP", Lines: []orders.DraftLine{{Sku: "85123A", Quantity: 6, UnitPrice: 255}}}
	for range 2 {
		answer, err := shop.PlaceOrderWithResponse(ctx, &orders.PlaceOrderParams{IdempotencyKey: new("cart-1")}, draft)
		if err != nil {
			return err
		}
		if answer.JSON201 == nil {
			return fmt.Errorf("refused: %s: %s", answer.Status(), answer.Body)
		}
		fmt.Println("placed:", answer.JSON201.Total, "replayed:", answer.Headers201.IdempotentReplayed != nil)
	}

	draft.Lines[0].Quantity = 0
	answer, err := shop.PlaceOrderWithResponse(ctx, &orders.PlaceOrderParams{IdempotencyKey: new("cart-2")}, draft)
	if err != nil {
		return err
	}
	if refused := answer.ApplicationproblemJSON422; refused != nil && refused.Code == orders.ProblemCodeInvalidOrder {
		for _, fault := range *refused.Errors {
			fmt.Println("refused:", fault.Pointer, fault.Detail)
		}
	}
	return nil
}

// readToday reads today's figures until an order is counted.
func readToday(ctx context.Context, business *statistics.ClientWithResponses) error {
	for { // it is counted within milliseconds
		day, err := business.GetOrderCreatedDayWithResponse(ctx, "today", &statistics.GetOrderCreatedDayParams{Tz: new("Europe/London")})
		if err != nil {
			return err
		}
		if day.JSON200 == nil {
			return fmt.Errorf("no figures: %s: %s", day.Status(), day.Body)
		}
		if day.JSON200.Count == 1 {
			fmt.Println("counted:", day.JSON200.Count, "revenue:", day.JSON200.Revenue["GBP"]) // a *big.Int
			return nil
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// readAgain reads a day that is over, keeps its entity tag and asks whether it still holds.
func readAgain(ctx context.Context, business *statistics.ClientWithResponses) error {
	range2010 := &statistics.ListOrderCreatedDaysParams{From: types.Date{Time: time.Date(2010, 12, 1, 0, 0, 0, 0, time.UTC)}, To: types.Date{Time: time.Date(2010, 12, 3, 0, 0, 0, 0, time.UTC)}}
	for {
		days, err := business.ListOrderCreatedDaysWithResponse(ctx, range2010)
		if err != nil {
			return err
		}
		if days.StatusCode() == http.StatusNotModified {
			fmt.Println("nothing new")
			return nil
		}
		if days.JSON200 == nil {
			return fmt.Errorf("no figures: %s: %s", days.Status(), days.Body)
		}
		if tag := days.Headers200.ETag; tag != nil { // once it is final
			fmt.Println("days:", len(*days.JSON200.Days))
			range2010.IfNoneMatch = tag
			continue
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context) error {
	select {
	case <-time.After(10 * time.Millisecond):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// busyOnce stands in front of a service and answers the first request with a 503.
func busyOnce(service string) (*httptest.Server, error) {
	at, err := url.Parse(service)
	if err != nil {
		return nil, err
	}
	var asked atomic.Int64
	through := httputil.NewSingleHostReverseProxy(at)
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		through.ServeHTTP(w, r)
	})), nil
}

// run is what a shop does, against a stack of its own. Nobody needs a key there; one that is sent does no harm.
func run(ctx context.Context, dir, key string) error {
	free := "127.0.0.1:0"
	s := stack.New(stack.Config{Data: dir, OrderListen: free, OrderOpsListen: free, ActivityListen: free, ActivityOpsListen: free, KafkaListen: free}, zerolog.Nop())
	if err := s.Start(ctx); err != nil {
		return err
	}
	defer func() { _ = s.Stop(context.WithoutCancel(ctx)) }()
	busy, err := busyOnce(s.OrderURL())
	if err != nil {
		return err
	}
	defer busy.Close()
	if err := place(ctx, busy.URL, key); err != nil {
		return err
	}
	business, err := statistics.Open(s.ActivityURL(), key)
	if err != nil {
		return err
	}
	if err := readToday(ctx, business); err != nil {
		return err
	}
	return readAgain(ctx, business)
}

func Example() {
	dir, err := os.MkdirTemp("", "ordertally")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := run(ctx, dir, "ot_the_key_that_order_keys_new_printed"); err != nil {
		fmt.Println(err)
	}
	// Output:
	// placed: 1530 replayed: false
	// placed: 1530 replayed: true
	// refused: /lines/0/quantity must be from 1 to 1000000000
	// counted: 1 revenue: 1530
	// days: 3
	// nothing new
}

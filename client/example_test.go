package client_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/client/statistics"
	"ordertally/shared/settings/secret"
	"ordertally/stack"
)

// placeTwice places an order, and again: with the same key it is the same order. A service that is busy is asked again.
func placeTwice(ctx context.Context, config client.Config) error {
	shop, err := orders.New(config)
	if err != nil {
		return err
	}
	defer shop.Close()
	line := orders.DraftLine{SKU: "85123A", Quantity: 6, UnitPrice: 255}
	draft := orders.OrderDraft{Currency: "GBP", Lines: []orders.DraftLine{line}}
	for range 2 {
		placed, err := shop.PlaceOrder(ctx, orders.PlaceOrderParams{IdempotencyKey: "cart-1"}, draft)
		if err != nil {
			return err
		}
		fmt.Println("placed:", placed.Value.Total, "replayed:", placed.Replayed())
	}

	draft.Lines[0].Quantity = 0
	_, err = shop.PlaceOrder(ctx, orders.PlaceOrderParams{IdempotencyKey: "cart-2"}, draft)
	if client.HasCode(err, orders.ProblemCodeInvalidOrder) {
		refused, _ := errors.AsType[client.Problem](err)
		for _, fault := range refused.Errors {
			fmt.Println("refused:", fault.Pointer, fault.Detail)
		}
	}
	return nil
}

// readToday reads today's figures until an order is counted.
func readToday(ctx context.Context, business *statistics.Client) error {
	for { // it is counted within milliseconds
		today := statistics.GetOrderCreatedDayParams{Tz: "Europe/London"}
		day, err := business.GetOrderCreatedDay(ctx, "today", today)
		if err != nil {
			return err
		}
		if day.Value.Count == 1 {
			// Sums are a *big.Int.
			fmt.Println("counted:", day.Value.Count, "revenue:", day.Value.Revenue["GBP"])
			return nil
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

// readAgain reads days that are over, keeps their entity tag and asks whether they still hold.
func readAgain(ctx context.Context, business *statistics.Client) error {
	past := statistics.ListOrderCreatedDaysParams{From: "2010-12-01", To: "2010-12-03"}
	for {
		days, err := business.ListOrderCreatedDays(ctx, past)
		if err != nil {
			return err
		}
		if days.NotModified() {
			fmt.Println("nothing new")
			return nil
		}
		if tag := days.Header.Get("ETag"); tag != "" { // once it is final
			fmt.Println("days:", len(days.Value.Days))
			past.IfNoneMatch = tag
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
func run(ctx context.Context, dir string, key secret.Text) error {
	free := "127.0.0.1:0"
	s := stack.New(stack.Config{
		Data: dir, OrderListen: free, OrderOpsListen: free, ActivityListen: free, ActivityOpsListen: free,
		KafkaListen: free,
	}, zerolog.Nop())
	if err := s.Start(ctx); err != nil {
		return err
	}
	defer func() { _ = s.Stop(context.WithoutCancel(ctx)) }()
	busy, err := busyOnce(s.OrderURL())
	if err != nil {
		return err
	}
	defer busy.Close()
	if err := placeTwice(ctx, client.Config{URL: busy.URL, Credential: key}); err != nil {
		return err
	}
	business, err := statistics.New(client.Config{URL: s.ActivityURL(), Credential: key})
	if err != nil {
		return err
	}
	defer business.Close()
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
	if err := run(ctx, dir, secret.New("ot_the_key_that_order_keys_new_printed")); err != nil {
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

// Package client_test shows both generated clients at work.
package client_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/rs/zerolog"

	"ordertally/client/orders"
	"ordertally/client/statistics"
	"ordertally/stack"
)

// credential puts an API key on each request; "" where nobody needs one.
func credential(key string) func(context.Context, *http.Request) error {
	return func(_ context.Context, r *http.Request) error {
		if key != "" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
		return nil
	}
}

// placeAndCount places an order and reads the day it is counted in.
func placeAndCount(ctx context.Context, orderURL, activityURL, key string) error {
	shop, err := orders.NewClientWithResponses(orderURL, orders.WithRequestEditorFn(credential(key)))
	if err != nil {
		return err
	}
	draft := orders.OrderDraft{Currency: "GBP", Lines: []orders.DraftLine{{Sku: "85123A", Quantity: 6, UnitPrice: 255}}}
	placed, err := shop.PlaceOrderWithResponse(ctx, &orders.PlaceOrderParams{IdempotencyKey: new("cart-1")}, draft)
	if err != nil {
		return err
	}
	if placed.JSON201 == nil {
		return fmt.Errorf("refused: %s: %s", placed.Status(), placed.Body)
	}
	fmt.Println("placed:", placed.JSON201.Total)

	business, err := statistics.NewClientWithResponses(activityURL, statistics.WithRequestEditorFn(credential(key)))
	if err != nil {
		return err
	}
	for { // it is counted within milliseconds
		day, err := business.GetDayWithResponse(ctx, "ORDER_CREATED", "today", &statistics.GetDayParams{Tz: new("Europe/London")})
		if err != nil {
			return err
		}
		if day.JSON200 != nil && day.JSON200.Count == 1 {
			fmt.Println("counted:", day.JSON200.Count)
			return nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
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
	free := "127.0.0.1:0"
	s := stack.New(stack.Config{Data: dir, OrderListen: free, OrderOpsListen: free, ActivityListen: free, ActivityOpsListen: free, KafkaListen: free}, zerolog.Nop())
	if err := s.Start(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = s.Stop(context.WithoutCancel(ctx)) }()
	if err := placeAndCount(ctx, s.OrderURL(), s.ActivityURL(), ""); err != nil {
		fmt.Println(err)
	}
	// Output:
	// placed: 1530
	// counted: 1
}

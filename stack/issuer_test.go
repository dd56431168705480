package stack_test

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ordertally/client/orders"
	"ordertally/client/statistics"
	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
	"ordertally/shared/kafka/devbroker"
)

// TestServicesWithAnIssuer runs both programs beyond loopback with an OpenID Connect issuer and no key at all: its
// tokens do what their scopes say, at both services, and for the clients generated from the documents.
func TestServicesWithAnIssuer(t *testing.T) {
	order, err := orderProgram()
	if err != nil {
		t.Fatal(err)
	}
	activity, err := activityPath()
	if err != nil {
		t.Fatal(err)
	}
	dev, err := devbroker.Start(devbroker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dev.Stop() })
	issuer, dir := authtest.NewIssuer(t, time.Now()), t.TempDir()
	args := func(file string) []string {
		return []string{"--data", filepath.Join(dir, file), "--kafka", dev.Addr(), "--oidc-issuer", issuer.URL,
			"--oidc-audience", authtest.Audience}
	}
	orderURL, activityURL := "http://"+started(t, nil, order, args("order.db")...),
		"http://"+started(t, nil, activity, args("activity.db")...)

	with := func(scopes string, change map[string]any) func(context.Context, *http.Request) error {
		claims := map[string]any{"scope": scopes}
		for name, value := range change {
			claims[name] = value
		}
		token := issuer.Token(claims)
		return func(_ context.Context, r *http.Request) error { auth.SetBearer(r, token); return nil }
	}
	place := func(editor func(context.Context, *http.Request) error) int {
		t.Helper()
		client, err := orders.NewClient(orderURL, orders.WithRequestEditorFn(editor))
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.PlaceOrderWithBody(t.Context(), nil, "application/json",
			strings.NewReader(`{"currency":"EUR","lines":[{"sku":"mug","quantity":2,"unit_price":1250}]}`))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	for name, tc := range map[string]struct {
		editor func(context.Context, *http.Request) error
		want   int
	}{
		"no token":         {func(context.Context, *http.Request) error { return nil }, http.StatusUnauthorized},
		"another audience": {with(auth.OrdersWrite, map[string]any{"aud": "others"}), http.StatusUnauthorized},
		"an expired one": {with(auth.OrdersWrite, map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}),
			http.StatusUnauthorized},
		"another scope": {with(auth.OrdersRead, nil), http.StatusForbidden},
		"the scope":     {with(auth.OrdersWrite, nil), http.StatusCreated},
	} {
		if got := place(tc.editor); got != tc.want {
			t.Errorf("placing with %s: %d, want %d", name, got, tc.want)
		}
	}
	client, err := statistics.NewClientWithResponses(activityURL,
		statistics.WithRequestEditorFn(with("openid "+auth.StatsRead, nil)))
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, 30*time.Second, "the order is counted", func() bool {
		day, err := client.GetDayWithResponse(t.Context(), "ORDER_CREATED", "today", nil)
		return err == nil && day.JSON200 != nil && day.JSON200.Count == 1
	})
}

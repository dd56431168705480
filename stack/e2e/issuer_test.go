package e2e_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/client/statistics"
	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/shared/settings/secret"
	"ordertally/stack/stacktest"
)

// TestServices_WithAnIssuerTakeItsTokens runs both programs beyond loopback with an OpenID Connect issuer and no key at
// all. Tokens grant what their scopes say, at both services, also to the clients generated from the documents.
func TestServices_WithAnIssuerTakeItsTokens(t *testing.T) {
	order := stacktest.OrderProgram(t)
	activity := stacktest.ActivityProgram(t)
	dev := devbrokertest.Start(t, devbroker.Config{})
	issuer := authtest.NewIssuer(t, time.Now())
	serve := func(program string) (api string) {
		t.Helper()
		return stacktest.Serve(t, stacktest.Serving{
			Program: program, Host: "0.0.0.0", Kafka: dev.Addr(),
			Args: []string{"--oidc-issuer", issuer.URL, "--oidc-audience", authtest.Audience},
		}).URL()
	}
	orderURL, activityURL := serve(order), serve(activity)

	with := func(scopes string, change map[string]any) secret.Text {
		claims := map[string]any{"scope": scopes}
		for name, value := range change {
			claims[name] = value
		}
		return secret.New(issuer.Token(claims))
	}
	place := func(token secret.Text) int {
		t.Helper()
		shop, err := orders.New(client.Config{URL: orderURL, Credential: token, RetryFor: -1})
		if err != nil {
			t.Fatal(err)
		}
		defer shop.Close()
		draft := orders.OrderDraft{
			Currency: "EUR", Lines: []orders.DraftLine{{SKU: "mug", Quantity: 2, UnitPrice: 1250}},
		}
		placed, err := shop.PlaceOrder(t.Context(), orders.PlaceOrderParams{}, draft)
		if p, refused := errors.AsType[client.Problem](err); refused {
			return p.Status
		}
		if err != nil {
			t.Fatal(err)
		}
		return placed.Status
	}
	for name, tc := range map[string]struct {
		token secret.Text
		want  int
	}{
		"no token":         {secret.Text{}, http.StatusUnauthorized},
		"another audience": {with(auth.OrdersWrite, map[string]any{"aud": "others"}), http.StatusUnauthorized},
		"an expired one": {with(auth.OrdersWrite, map[string]any{"exp": time.Now().Add(-time.Minute).Unix()}),
			http.StatusUnauthorized},
		"another scope": {with(auth.OrdersRead, nil), http.StatusForbidden},
		"the scope":     {with(auth.OrdersWrite, nil), http.StatusCreated},
	} {
		if got := place(tc.token); got != tc.want {
			t.Errorf("placing with %s: %d, want %d", name, got, tc.want)
		}
	}
	business, err := statistics.New(
		client.Config{URL: activityURL, Credential: with("openid "+auth.StatsRead, nil), RetryFor: -1},
	)
	if err != nil {
		t.Fatal(err)
	}
	defer business.Close()
	clocktest.Eventually(t, "the order is counted", func() bool {
		day, err := business.GetDay(t.Context(), "ORDER_CREATED", "today", statistics.GetDayParams{})
		return err == nil && day.Value.Count == 1
	})
}

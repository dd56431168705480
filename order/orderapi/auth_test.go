package orderapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"ordertally/order/orderapi/apitest"
	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
	"ordertally/shared/clock"
)

// placeAs places an order with a key and an idempotency key.
func placeAs(t *testing.T, s *apitest.Service, credential, key, body string) (status int, id, code string,
	replayed bool) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/v1/orders", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	auth.SetBearer(r, credential)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct{ ID, Code string }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, answer.ID, answer.Code, response.Header.Get("Idempotent-Replayed") == "true"
}

const small = `{"currency":"GBP","lines":[{"sku":"a","quantity":1,"unit_price":1}]}`

func TestIdempotencyKeysAreTheCallersOwn(t *testing.T) {
	s := apitest.Start(t, clock.NewManual(now))
	_, before, _, _ := placeAs(t, s, "", "k", small) // from before there were keys
	shop := authtest.Key(t, s.Keys, auth.OrdersWrite)
	shopLater := authtest.Key(t, s.Keys, auth.OrdersWrite)
	_, till, err := s.Keys.New(t.Context(), "till", []string{auth.OrdersWrite}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	_, first, _, _ := placeAs(t, s, shop, "k", small)
	if status, again, _, replayed := placeAs(t, s, shopLater, "k", small); status != http.StatusCreated ||
		again != first || !replayed {
		t.Errorf("the same caller with its next key: %d, %s, replayed %v, want %s", status, again, replayed, first)
	}
	other := strings.Replace(small, `"a"`, `"b"`, 1)
	status, second, code, replayed := placeAs(t, s, till, "k", other)
	if status != http.StatusCreated || second == first || replayed {
		t.Errorf("another caller: %d %s, %s, replayed %v", status, code, second, replayed)
	}
	if first == before {
		t.Error("a caller was answered with the order of somebody who was not known")
	}
	if status, _, code, _ := placeAs(t, s, shop, "k", other); status != http.StatusUnprocessableEntity ||
		code != "idempotency_key_reused" {
		t.Errorf("another body: %d %s", status, code)
	}
}

func TestOrdersOfThePastNeedTheirScope(t *testing.T) {
	s := apitest.Start(t, clock.NewManual(now))
	plain := authtest.Key(t, s.Keys, auth.OrdersWrite)
	backfill := authtest.Key(t, s.Keys, auth.OrdersWrite, auth.OrdersBackfill)
	alone := authtest.Key(t, s.Keys, auth.OrdersBackfill)
	at := func(ago time.Duration) string {
		return strings.Replace(small, "{",
			`{"placed_at":"`+now.Add(-ago).Truncate(time.Second).Format(time.RFC3339)+`",`, 1)
	}
	before := s.Transactions()
	for _, ago := range []time.Duration{24*time.Hour + time.Second, 100 * 24 * time.Hour} {
		if status, _, code, _ := placeAs(t, s, plain, "", at(ago)); status != http.StatusForbidden ||
			code != auth.KindInsufficientScope.Code {
			t.Errorf("%v ago: %d %s", ago, status, code)
		}
	}
	if status, _, code, _ := placeAs(t, s, alone, "", at(0)); status != http.StatusForbidden ||
		code != auth.KindInsufficientScope.Code {
		t.Errorf("orders:backfill alone: %d %s", status, code)
	}
	if after := s.Transactions(); after != before {
		t.Errorf("refused orders made %d transactions", after-before)
	}
	for _, ago := range []time.Duration{0, 23 * time.Hour} {
		if status, _, code, _ := placeAs(t, s, plain, "", at(ago)); status != http.StatusCreated {
			t.Errorf("%v ago: %d %s", ago, status, code)
		}
	}
	if status, _, code, _ := placeAs(t, s, backfill, "", at(100*24*time.Hour)); status != http.StatusCreated {
		t.Errorf("with the scope: %d %s", status, code)
	}
}

// TestAPI_DoesNotReadARefusedCaller checks that a refused caller's body is not read, and that every body gets the same
// refusal.
func TestAPI_DoesNotReadARefusedCaller(t *testing.T) {
	s := apitest.Start(t, clock.NewManual(now))
	authtest.Key(t, s.Keys, auth.OrdersWrite)
	before := s.Transactions()
	for _, body := range []string{"", "{", small, strings.Repeat("x", 2<<20)} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/v1/orders",
			bytes.NewReader([]byte(body)))
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			continue // the server closed the connection in the middle of two megabytes
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusUnauthorized {
			t.Errorf("%d bytes: %s", len(body), response.Status)
		}
	}
	if after := s.Transactions(); after != before {
		t.Errorf("%d transactions", after-before)
	}
}

// TestPlace_AnswersARetryWhenTheOrderIsOld checks that a request accepted while its placed_at was recent is still
// answered when placed_at is old.
func TestPlace_AnswersARetryWhenTheOrderIsOld(t *testing.T) {
	at := clock.NewManual(now)
	s := apitest.Start(t, at)
	plain := authtest.Key(t, s.Keys, auth.OrdersWrite)
	body := strings.Replace(small, "{", `{"placed_at":"`+
		now.Add(-23*time.Hour).Truncate(time.Second).Format(time.RFC3339)+`",`, 1)
	_, first, _, _ := placeAs(t, s, plain, "k", body)
	at.Advance(2 * time.Hour)
	if status, again, code, replayed := placeAs(t, s, plain, "k", body); status != http.StatusCreated ||
		again != first || !replayed {
		t.Errorf("%d %s, %s, replayed %v, want %s", status, code, again, replayed, first)
	}
	if status, _, code, _ := placeAs(t, s, plain, "another", body); status != http.StatusForbidden ||
		code != auth.KindInsufficientScope.Code {
		t.Errorf("with another key: %d %s", status, code)
	}
}

// TestAPI_RecordsWhoDecided checks that each decision is recorded together with who made it.
func TestAPI_RecordsWhoDecided(t *testing.T) {
	s := apitest.Start(t, clock.System{})
	ill, _ := s.PublishWithout("sick")
	placeSick(t, s, 1)
	id := listParked(t, s, "").Parked[0].ID
	operator := call{header: http.Header{
		"Authorization": {"Bearer " + authtest.Key(t, s.Keys, auth.OpsRead, auth.OpsWrite)}}}
	retry := decide("/v1/outbox/parked/"+id+"/retry", `{"reason":"limit raised"}`)
	retry.header = operator.header
	if resp, answer := retry.do(t, s); resp.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	s.AwaitParked(1) // refused again
	ill.Store(false)
	shown := get("/v1/outbox/parked/" + id)
	shown.header = operator.header
	if _, answer := shown.do(t, s); !strings.Contains(answer, `"reason":"limit raised","by":"key:test"`) {
		t.Errorf("shown as %s", answer)
	}
}

package order_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"ordertally/order"
	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
	"ordertally/shared/event"
)

func placement(t *testing.T) (*order.Orders, *apitest.Service) {
	t.Helper()
	service := apitest.Start(t, clock.NewManual(now))
	p, err := order.NewOrders(service.Store, clock.NewManual(now))
	if err != nil {
		t.Fatal(err)
	}
	return p, service
}

func TestPlaceStoresTheOrderItAnswers(t *testing.T) {
	p, service := placement(t)
	placed, err := p.Place(t.Context(), []byte(withField(`"customer_id":"c"`)), "key", order.Origin{Backfill: true})
	if err != nil {
		t.Fatal(err)
	}
	stored, err := service.Store.Get(t.Context(), placed.ID)
	if err != nil || string(stored.Payload) != string(placed.Payload) {
		t.Fatalf("stored %s, %v; answered %s", stored.Payload, err, placed.Payload)
	}
	o, err := event.Decode(stored.Payload)
	if err != nil || o.ID != placed.ID.String() || o.Total != 1 || !o.PlacedAt.Equal(now) {
		t.Fatalf("%+v, %v", o, err)
	}
	if _, err := p.Place(t.Context(), []byte(withField(`"customer_id":"d"`)), "key",
		order.Origin{Backfill: true}); !errors.Is(err, order.ErrKeyReused) {
		t.Fatalf("another body: %v", err)
	}
}

func TestWhatPlaceRefusesIsNotStored(t *testing.T) {
	p, service := placement(t)
	before := service.Transactions()
	wide := `{"sku":"a","quantity":1,"unit_price":1,"description":"` + strings.Repeat("\U0001F384", 512) + `"}`
	for name, c := range map[string]struct {
		body, key string
		code      order.Code
	}{
		"malformed":               {`{`, "", order.CodeMalformedJSON},
		"invalid":                 {`{}`, "", order.CodeInvalidOrder},
		"key with a space":        {withLine(line), "a b", order.CodeInvalidKey},
		"key of 256":              {withLine(line), strings.Repeat("k", 256), order.CodeInvalidKey},
		"larger than any message": {withLine(wide + strings.Repeat(","+wide, 1999)), "", order.CodeOrderTooLarge},
	} {
		_, err := p.Place(t.Context(), []byte(c.body), c.key, order.Origin{Backfill: true})
		if r, ok := errors.AsType[*order.Rejection](err); !ok || r.Code != c.code || len(r.Violations) == 0 {
			t.Errorf("%s: %v, want %s", name, err, c.code)
		}
	}
	if service.Transactions() != before {
		t.Error("something was stored")
	}
}

// TestPlace_TakesATimeALittleAheadAsNow allows for client clocks that differ from ours by seconds.
func TestPlace_TakesATimeALittleAheadAsNow(t *testing.T) {
	p, _ := placement(t)
	for sent, want := range map[string]time.Time{
		"2026-05-01T12:00:00.200Z":            now,
		"2026-05-01T12:00:05Z":                now,
		"2026-05-01T14:00:00.000000001+02:00": now,
		"2026-05-01T12:00:00Z":                now,
		"2026-05-01T11:59:59.999999999Z":      now.Add(-1),
		"2016-12-31T23:59:60.5z":              time.Date(2016, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		"2010-12-01t08:26:00.1234567899Z":     time.Date(2010, 12, 1, 8, 26, 0, 123_456_789, time.UTC),
	} {
		placed, err := p.Place(t.Context(), []byte(placedAt(sent)), "", order.Origin{Backfill: true})
		if err != nil {
			t.Errorf("%s: %v", sent, err)
			continue
		}
		if o, err := event.Decode(placed.Payload); err != nil || !o.PlacedAt.Equal(want) {
			t.Errorf("%s was placed at %s, %v; want %s", sent, o.PlacedAt, err, want)
		}
	}
}

// TestPlace_AnswersARetryAfterTheCurrencyWasWithdrawn covers an order without placed_at. It is placed now, and its
// retry may come later.
func TestPlace_AnswersARetryAfterTheCurrencyWasWithdrawn(t *testing.T) {
	service := apitest.Start(t, clock.NewManual(now))
	at := clock.NewManual(time.Date(2026, 1, 31, 23, 59, 0, 0, time.UTC))
	p, err := order.NewOrders(service.Store, at)
	if err != nil {
		t.Fatal(err)
	}
	body := []byte(`{"currency":"BGN","lines":[` + line + `]}`)
	first, err := p.Place(t.Context(), body, "k", order.Origin{})
	if err != nil {
		t.Fatal(err)
	}
	at.Advance(time.Hour)
	if again, err := p.Place(t.Context(), body, "k", order.Origin{}); err != nil || !again.Replayed ||
		again.ID != first.ID {
		t.Errorf("the retry: %+v, %v", again, err)
	}
	for _, key := range []string{"", "another"} {
		_, err := p.Place(t.Context(), body, key, order.Origin{})
		if r, ok := errors.AsType[*order.Rejection](err); !ok || len(r.Violations) != 1 ||
			r.Violations[0].Rule != order.RuleUnknownCurrency {
			t.Errorf("a new order with key %q: %v", key, err)
		}
	}
}

func TestValidKey(t *testing.T) {
	for key, want := range map[string]bool{
		"": false, "k": true, "!~": true, strings.Repeat("k", 255): true, strings.Repeat("k", 256): false,
		"a b": false, "a\t": false, "\x7f": false, "é": false, "a\x00": false,
	} {
		if got := order.ValidKey(key); got != want {
			t.Errorf("%.20q: %v", key, got)
		}
	}
}

func TestNewOrders_NeedsItsParts(t *testing.T) {
	if _, err := order.NewOrders(nil, clock.System{}); err == nil {
		t.Error("no store was accepted")
	}
}

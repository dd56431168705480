package order_test

import (
	"errors"
	"strings"
	"testing"

	"ordertally/order"
	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
	"ordertally/shared/event"
)

func placement(t *testing.T) (*order.Placement, *apitest.Service) {
	t.Helper()
	service := apitest.Start(t, clock.NewManual(now))
	p, err := order.NewPlacement(service.Store, clock.NewManual(now))
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
	if _, err := p.Place(t.Context(), []byte(withField(`"customer_id":"d"`)), "key", order.Origin{Backfill: true}); !errors.Is(err, order.ErrKeyReused) {
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

func TestNewPlacementNeedsItsParts(t *testing.T) {
	if _, err := order.NewPlacement(nil, clock.System{}); err == nil {
		t.Error("no store was accepted")
	}
}

package event_test

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/uuidv7"
)

const golden = `{"id":"01890a5d-ac96-774b-8000-a8b45f0c6d21","source":"online-retail","reference":"536365",` +
	`"customer_id":"17850","currency":"GBP",` +
	`"lines":[{"sku":"85123A","description":"WHITE \"HEART\"","quantity":6,"unit_price":255},{"sku":"71053",` +
	`"quantity":1,"unit_price":0}],` +
	`"total":1530,"placed_at":"2010-12-01T08:26:00Z","metadata":{"channel":"web","country":"United Kingdom"}}`

func TestEncode_IsTheGoldenForm(t *testing.T) {
	o := event.Order{
		Source: "online-retail", Reference: "536365", CustomerID: "17850", Currency: "GBP", Total: 1530,
		Lines: []event.Line{{SKU: "85123A", Description: `WHITE "HEART"`, Quantity: 6, UnitPrice: 255},
			{SKU: "71053", Quantity: 1}},
		PlacedAt: time.Date(2010, 12, 1, 8, 26, 0, 0, time.FixedZone("", 0)),
		Metadata: map[string]string{"country": "United Kingdom", "channel": "web"},
	}
	payload := event.Encode(&o)
	id, err := uuidv7.Parse("01890a5d-ac96-774b-8000-a8b45f0c6d21")
	if err != nil {
		t.Fatal(err)
	}
	event.SetID(payload, id)
	if string(payload) != golden {
		t.Fatalf("got  %s\nwant %s", payload, golden)
	}
}

func TestDecode_ReturnsWhatWasEncoded(t *testing.T) {
	ids := uuidv7.NewSource(clock.System{}, 0, uuidv7.ID{})
	rapid.Check(t, func(t *rapid.T) {
		o := event.Order{
			ID: ids.Next().String(), Source: rapid.String().Draw(t, "source"),
			Reference: rapid.String().Draw(t, "reference"), CustomerID: rapid.String().Draw(t, "customer"),
			Currency: "EUR", Total: rapid.Int64Min(0).Draw(t, "total"),
			PlacedAt: time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "seconds"),
				rapid.Int64Range(0, 999_999_999).Draw(t, "nanos")).UTC(),
			Lines: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) event.Line {
				return event.Line{SKU: rapid.String().Draw(t, "sku"),
					Description: rapid.String().Draw(t, "description"),
					Quantity:    rapid.Int64Min(1).Draw(t, "quantity"), UnitPrice: rapid.Int64Min(0).Draw(t, "price")}
			}), 1, 5).Draw(t, "lines"),
		}
		if metadata := rapid.MapOfN(rapid.String(), rapid.String(), 0, 4).Draw(t, "metadata"); len(metadata) > 0 {
			o.Metadata = metadata
		}
		back, err := event.Decode(event.Encode(&o))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(back, o) {
			t.Fatalf("got  %+v\nwant %+v", back, o)
		}
	})
}

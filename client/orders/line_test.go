package orders

import (
	"reflect"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
)

// TestBatchLine_IsSentAsItsFieldsSay compares with package json, for a line with every field there is, and with none.
func TestBatchLine_IsSentAsItsFieldsSay(t *testing.T) {
	whole := BatchLine{
		OrderDraft: OrderDraft{
			Currency: "GBP", CustomerID: "17850", Reference: `a "quoted" <reference>`, Source: "shop\n",
			Lines: []DraftLine{{SKU: "A", Description: "é\u2028\U0001f600", Quantity: 2, UnitPrice: 255},
				{SKU: "B", Quantity: -1}},
			Metadata: map[string]string{"country": "United Kingdom", "till": ""},
			PlacedAt: time.Date(2010, 12, 1, 8, 26, 0, 120_000_000, time.FixedZone("", 3600)),
		},
		IdempotencyKey: "key",
	}
	for _, part := range []reflect.Value{
		reflect.ValueOf(whole), reflect.ValueOf(whole.OrderDraft), reflect.ValueOf(whole.Lines[0]),
	} {
		for i := range part.NumField() {
			if part.Field(i).IsZero() {
				t.Errorf("%s of %s is not tried: give it a value here", part.Type().Field(i).Name, part.Type())
			}
		}
	}
	for _, line := range []BatchLine{whole, {}} {
		made, err := line.append(nil)
		if err != nil {
			t.Fatal(err)
		}
		want, err := json.Marshal(line)
		if err != nil {
			t.Fatal(err)
		}
		var got, expected any
		if err := json.Unmarshal(made, &got); err != nil {
			t.Fatalf("%s: %v", made, err)
		}
		if err := json.Unmarshal(want, &expected); err != nil || !reflect.DeepEqual(got, expected) {
			t.Errorf("got  %s\nwant %s, %v", made, want, err)
		}
	}
	for _, bad := range []BatchLine{
		{OrderDraft: OrderDraft{PlacedAt: time.Date(10_000, 1, 1, 0, 0, 0, 0, time.UTC)}},
		{OrderDraft: OrderDraft{Currency: "\xff"}},
	} {
		if made, err := bad.append(nil); err == nil {
			t.Errorf("%+v is sent as %s", bad, made)
		}
	}
}

package order_test

import (
	"fmt"
	"strings"
	"testing"

	"ordertally/order"
)

func BenchmarkDecodeDraft(b *testing.B) {
	for _, lines := range []int{1, 3, 20, 2000} {
		l := `{"sku":"85123A","description":"WHITE HANGING HEART T-LIGHT HOLDER","quantity":6,"unit_price":255}`
		body := []byte(`{"reference":"536365","customer_id":"17850","currency":"GBP","lines":[` + l +
			strings.Repeat(","+l, lines-1) +
			`],"placed_at":"2010-12-01T08:26:00Z","metadata":{"country":"United Kingdom"}}`)
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			b.SetBytes(int64(len(body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := order.DecodeDraft(body, now); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHashRequest(b *testing.B) {
	for _, lines := range []int{1, 3, 20, 2000} {
		l := `{"sku":"85123A","description":"WHITE HANGING HEART T-LIGHT HOLDER","quantity":6,"unit_price":255}`
		d, err := order.DecodeDraft([]byte(`{"reference":"536365","customer_id":"17850","currency":"GBP","lines":[`+l+
			strings.Repeat(","+l, lines-1)+
			`],"placed_at":"2010-12-01T08:26:00Z","metadata":{"country":"United Kingdom"}}`), now)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(fmt.Sprintf("lines=%d", lines), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				order.HashRequest(&d)
			}
		})
	}
}

package orderapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humamux"
	"github.com/gorilla/mux"

	"ordertally/order"
	"ordertally/shared/web"
)

// humaOrder is the body of a placement for huma, with its rules as tags as far as tags can express them.
type humaOrder struct {
	Body struct {
		Reference  string `json:"reference,omitempty" maxLength:"128"`
		CustomerID string `json:"customer_id,omitempty" maxLength:"128"`
		Currency   string `json:"currency" pattern:"^[A-Z]{3}$"`
		Lines      []struct {
			SKU         string `json:"sku" minLength:"1" maxLength:"64"`
			Description string `json:"description,omitempty" maxLength:"512"`
			Quantity    int64  `json:"quantity" minimum:"1" maximum:"1000000000"`
			UnitPrice   int64  `json:"unit_price" minimum:"0"`
		} `json:"lines" minItems:"1" maxItems:"2000"`
		PlacedAt time.Time         `json:"placed_at,omitempty"`
		Metadata map[string]string `json:"metadata,omitempty" maxProperties:"32"`
	}
}

type humaRaw struct {
	RawBody []byte `contentType:"application/json"`
}

// BenchmarkHuma reads an order of three lines from a request and answers 204: with nothing but that answer, with our
// router and decoder, with huma's router and our decoder, and with huma validating.
//
//	go test -run - -bench Huma ./order/orderapi
func BenchmarkHuma(b *testing.B) {
	const line = `{"sku":"85123A","description":"WHITE HANGING HEART T-LIGHT HOLDER","quantity":6,"unit_price":255}`
	const draft = `{"reference":"536365","currency":"GBP","lines":[` + line + `,` + line + `,` + line + `]}`
	own := web.NewRouter([]web.Route{{Method: http.MethodPost, Path: "/v1/orders",
		Handler: func(w http.ResponseWriter, r *http.Request) {
			body, err := web.ReadBody(w, r, order.MaxBody)
			if err == nil {
				_, err = order.DecodeDraft(body, time.Now())
			}
			if err != nil {
				b.Fatal(err)
			}
			w.WriteHeader(http.StatusNoContent)
		}}})
	raw := mux.NewRouter()
	skip := huma.Operation{OperationID: "raw", Method: http.MethodPost, Path: "/v1/orders", SkipValidateBody: true,
		DefaultStatus: http.StatusNoContent}
	huma.Register(humamux.New(raw, huma.DefaultConfig("raw", "1")), skip,
		func(_ context.Context, in *humaRaw) (*struct{}, error) {
			_, err := order.DecodeDraft(in.RawBody, time.Now())
			return nil, err
		})
	whole := mux.NewRouter()
	huma.Post(humamux.New(whole, huma.DefaultConfig("whole", "1")), "/v1/orders",
		func(context.Context, *humaOrder) (*struct{}, error) { return nil, nil })
	none := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for _, way := range []struct {
		name    string
		handler http.Handler
	}{{"nothing", none}, {"ours", own}, {"raw", raw}, {"validating", whole}} {
		b.Run(way.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r := httptest.NewRequest(http.MethodPost, "/v1/orders", strings.NewReader(draft))
				r.Header.Set("Content-Type", "application/json")
				w := httptest.NewRecorder()
				way.handler.ServeHTTP(w, r)
				if w.Code != http.StatusNoContent {
					b.Fatal(w.Code, w.Body)
				}
			}
		})
	}
}

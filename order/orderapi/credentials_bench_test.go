package orderapi_test

import (
	"slices"
	"testing"
	"time"

	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
	"ordertally/shared/clock"
)

// BenchmarkCredentials places orders over 256 connections, in turn where nobody needs a credential, with an API key and
// with an issuer's token, seven times each, and reports the ratio of the medians beside the spread of the runs without.
//
//	go test -run - -bench Credentials -benchtime 1x ./order/orderapi
func BenchmarkCredentials(b *testing.B) {
	db, store := benchStore(b)
	keys, err := auth.OpenKeys(b.Context(), db, clock.System{})
	if err != nil {
		b.Fatal(err)
	}
	provider := authtest.NewIssuer(b, time.Now())
	issuer, err := auth.NewIssuer(provider.URL, authtest.Audience, clock.System{})
	if err != nil {
		b.Fatal(err)
	}
	closed, open := serve(b, store, &auth.Guard{Keys: keys, Issuer: issuer}), serve(b, store, auth.Unguarded())
	b.Cleanup(issuer.Close)
	ways := []struct {
		name, address, credential string
		rates                     []float64
	}{
		{name: "open", address: open},
		{name: "key", address: closed, credential: authtest.Key(b, keys, auth.OrdersWrite)},
		{name: "token", address: closed, credential: provider.Token(map[string]any{"scope": auth.OrdersWrite})},
	}
	hammer(b, open, "", 2*time.Second) // warm
	for range b.N {
		for range 7 {
			for i := range ways {
				way := &ways[i]
				way.rates = append(way.rates, hammer(b, way.address, way.credential, 3*time.Second))
			}
		}
	}
	for i := range ways {
		slices.Sort(ways[i].rates)
	}
	middle := func(i int) float64 { return ways[i].rates[len(ways[i].rates)/2] }
	b.ReportMetric(middle(0), "open/s")
	for i := 1; i < len(ways); i++ {
		b.ReportMetric(middle(i), ways[i].name+"/s")
		b.ReportMetric(middle(i)/middle(0), ways[i].name+"/open")
	}
	b.ReportMetric((ways[0].rates[len(ways[0].rates)-1]-ways[0].rates[0])/middle(0), "spread")
	b.ReportMetric(0, "ns/op")
}

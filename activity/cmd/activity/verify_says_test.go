package main

import (
	"bytes"
	"math/big"
	"strings"
	"testing"
	"time"

	"ordertally/activity/verify"
)

// TestVerify_SaysWhatDiffersInSentences writes reports. They have no Go maps, and no plural for one thing.
func TestVerify_SaysWhatDiffersInSentences(t *testing.T) {
	sums := func(amounts map[string]int64) map[string]*big.Int {
		all := map[string]*big.Int{}
		for currency, n := range amounts {
			all[currency] = big.NewInt(n)
		}
		return all
	}
	quarter := verify.Quarter{Starts: time.Date(2010, 12, 1, 8, 15, 0, 0, time.UTC), Says: "1 order was not counted",
		Missing: []verify.Missing{{OrderID: "o-1", State: "parked", Reason: "impossible: The total is 1."},
			{OrderID: "o-2", State: "unknown", Service: "http://b"}}}
	for _, c := range []struct {
		report verify.Report
		orders int // order services
		want   string
	}{
		{verify.Report{Orders: 2, Days: []verify.Day{{Day: "2010-12-01", Equal: true}},
			Unpublished: map[string]int{"pending": 0}}, 1,
			"2 published orders on 1 day compared: all agree; all orders are published\n"},
		{verify.Report{Orders: 1, Unpublished: map[string]int{"waiting": 1, "parked": 12, "pending": 2}}, 1,
			"1 published order on 0 days compared: all agree; not published, and not compared: 12 parked, 2 pending, " +
				"1 waiting\n"},
		{verify.Report{Orders: 1, Heal: []string{"order republish   (sends)"},
			Cancellations: &verify.Report{Orders: 1, Unpublished: map[string]int{}}}, 1,
			"to heal it: order republish   (sends)\n" +
				"1 published order on 0 days compared: all agree; all orders are published\n" +
				"cancellations:\n1 published order on 0 days compared: all agree; all orders are published\n"},
		{verify.Report{Orders: 3, Moving: true, Days: []verify.Day{{
			Day: "2010-12-01", Order: verify.Figures{Count: 3, Revenue: sums(map[string]int64{"GBP": 30, "EUR": 5})},
			Activity: verify.Figures{Count: 1, Revenue: sums(map[string]int64{})}, Differ: []verify.Quarter{quarter},
		}}}, 2, "2010-12-01 differs: the order services have 3 orders (EUR 5, GBP 30 in minor units), activity " +
			"counted 1 (no revenue)\n" +
			"  from 08:15 UTC: 1 order was not counted\n" +
			"    order o-1 is parked (impossible: The total is 1.)\n" +
			"    order o-2 of http://b is unknown\n" +
			"the figures still changed at the last look: run this again when the services are less busy\n" +
			"3 published orders on 1 day compared: not all agree; all orders are published\n"},
	} {
		var out bytes.Buffer
		if err := writeReport(&out, &c.report, c.orders); err != nil || out.String() != c.want {
			t.Errorf("%v: got\n%s\nwant\n%s", err, &out, c.want)
		}
		if strings.Contains(out.String(), "map[") {
			t.Errorf("a Go map: %s", &out)
		}
	}
}

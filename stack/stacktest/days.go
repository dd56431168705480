package stacktest

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/order/retail"
)

// RealFiles returns the files with the three days of real orders.
func RealFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("../../testdata/online-retail/*.csv")
	if err != nil || len(files) != 3 {
		t.Fatal(files, err)
	}
	return files
}

// ImportRealOrders imports the three days and returns the summary.
func ImportRealOrders(ctx context.Context, base string, o retail.Options) (retail.Summary, error) {
	files, err := filepath.Glob("../../testdata/online-retail/*.csv")
	if err != nil {
		return retail.Summary{}, err
	}
	shop, err := orders.New(client.Config{URL: base, AttemptTimeout: 5 * time.Second})
	if err != nil {
		return retail.Summary{}, err
	}
	defer shop.Close()
	return retail.Import(ctx, files, shop, o)
}

// Figures are the figures of a day that a test checks.
type Figures struct {
	Count   int64            `json:"count"`
	Items   int64            `json:"items"`
	Units   int64            `json:"units"`
	Revenue map[string]int64 `json:"revenue"`
}

// RealDays has the figures of the three days in Europe/London. They were computed from the CSV files, from invoices
// that are not cancelled and have only positive quantities.
var RealDays = map[string]Figures{
	"2010-12-01": {Count: 136, Revenue: map[string]int64{"GBP": 5896079}},
	"2010-12-02": {Count: 143, Revenue: map[string]int64{"GBP": 4774838}},
	"2010-12-03": {Count: 73, Revenue: map[string]int64{"GBP": 4694371}},
}

// RealOrders is the number of orders of these days.
const RealOrders = 136 + 143 + 73

// Day asks the activity service for a day of orders.
func Day(t testing.TB, base, date, zone string) Figures {
	t.Helper()
	var f Figures
	GetJSON(t, fmt.Sprintf("%s/v1/activities/ORDER_CREATED/days/%s?tz=%s", base, date, zone), &f)
	return f
}

// CountedRealOrders returns how many orders of the three days are counted.
func CountedRealOrders(t testing.TB, base string) int64 {
	t.Helper()
	var total int64
	for date := range RealDays {
		total += Day(t, base, date, "Europe/London").Count
	}
	return total
}

// CheckRealDays compares the three days with the figures computed from the CSV.
func CheckRealDays(t testing.TB, base string) {
	t.Helper()
	for date, w := range RealDays {
		got := Day(t, base, date, "Europe/London")
		if got.Count != w.Count || got.Revenue["GBP"] != w.Revenue["GBP"] || len(got.Revenue) != 1 {
			t.Errorf("%s: %d orders, revenue %v; want %d orders, revenue %v",
				date, got.Count, got.Revenue, w.Count, w.Revenue)
		}
	}
}

// CountedLately returns the number of orders of today and yesterday, so a test that runs over midnight finds them all.
func CountedLately(t testing.TB, base string) int64 {
	t.Helper()
	yesterday := time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	return Day(t, base, yesterday, "UTC").Count + Day(t, base, "today", "UTC").Count
}

package stack_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/rs/zerolog"

	"ordertally/activity/activityd"
	"ordertally/order/orderd"
	"ordertally/shared/service"
)

// services is both services in this process, against a broker that runs elsewhere.
type services struct {
	t         testing.TB
	order     *orderd.Service
	activity  *activityd.Service
	dir       string
	brokers   string
	base      orderd.Config
	addresses addresses
}

// addresses of the four listeners, kept over a restart.
type addresses struct{ order, orderOps, activity, activityOps string }

// startServices starts both services on free ports with files in dir and stops them at the end of the test.
func startServices(t testing.TB, dir, broker string) *services {
	t.Helper()
	return startServicesWith(t, dir, broker, orderd.OutboxConfig{})
}

func startServicesWith(t testing.TB, dir, broker string, outbox orderd.OutboxConfig) *services {
	t.Helper()
	return startServicesFrom(t, dir, broker, orderd.Config{Outbox: outbox})
}

// startServicesFrom starts the order service with what base has and the test's addresses, file and broker.
func startServicesFrom(t testing.TB, dir, broker string, base orderd.Config) *services {
	t.Helper()
	s := &services{t: t, dir: dir, brokers: broker, base: base}
	free := "127.0.0.1:0"
	s.addresses = addresses{free, free, free, free}
	s.start()
	t.Cleanup(s.stop)
	return s
}

func (s *services) start() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	// What the services complain of is shown when the test fails.
	logger := zerolog.New(zerolog.NewTestWriter(s.t)).Level(zerolog.WarnLevel).With().Timestamp().Logger()
	var err error
	config := s.base
	config.Listen, config.OpsListen = s.addresses.order, s.addresses.orderOps
	config.Data, config.Kafka = filepath.Join(s.dir, "order.db"), strings.Split(s.brokers, ",")
	s.order, err = orderd.New(config, logger)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.order.Start(ctx); err != nil {
		s.t.Fatal(err)
	}
	s.activity, err = activityd.New(activityd.Config{Config: service.Config{
		Listen: s.addresses.activity, OpsListen: s.addresses.activityOps,
		Data: filepath.Join(s.dir, "activity.db"), Kafka: strings.Split(s.brokers, ","),
	}}, logger)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.activity.Start(ctx); err != nil {
		s.t.Fatal(err)
	}
	s.addresses = addresses{s.order.Addr(), s.order.OpsAddr(), s.activity.Addr(), s.activity.OpsAddr()}
}

func (s *services) stop() {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if s.activity != nil {
		if err := s.activity.Stop(ctx); err != nil {
			s.t.Error(err)
		}
	}
	if s.order != nil {
		if err := s.order.Stop(ctx); err != nil {
			s.t.Error(err)
		}
	}
	s.order, s.activity = nil, nil
}

// orderURL and activityURL are the bases of the APIs.
func (s *services) orderURL() string    { return "http://" + s.addresses.order }
func (s *services) activityURL() string { return "http://" + s.addresses.activity }

// figures are what a test checks of a day.
type figures struct {
	Count   int64            `json:"count"`
	Items   int64            `json:"items"`
	Units   int64            `json:"units"`
	Revenue map[string]int64 `json:"revenue"`
}

// want is the figures of the three days of real orders in Europe/London, computed from the CSV files: invoices that are
// not cancelled and whose quantities are all positive.
var want = map[string]figures{
	"2010-12-01": {Count: 136, Revenue: map[string]int64{"GBP": 5896079}},
	"2010-12-02": {Count: 143, Revenue: map[string]int64{"GBP": 4774838}},
	"2010-12-03": {Count: 73, Revenue: map[string]int64{"GBP": 4694371}},
}

const allOrders = 136 + 143 + 73

// day asks the activity service.
func day(t testing.TB, base, date, zone string) figures {
	t.Helper()
	var f figures
	getJSON(t, fmt.Sprintf("%s/v1/activities/ORDER_CREATED/days/%s?tz=%s", base, date, zone), &f)
	return f
}

func getJSON(t testing.TB, url string, into any) {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s", url, response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
}

// counted is how many orders the three days have.
func counted(t testing.TB, base string) int64 {
	t.Helper()
	var total int64
	for date := range want {
		total += day(t, base, date, "Europe/London").Count
	}
	return total
}

// checkDays compares the three days with the figures computed from the CSV.
func checkDays(t testing.TB, base string) {
	t.Helper()
	for date, w := range want {
		got := day(t, base, date, "Europe/London")
		if got.Count != w.Count || got.Revenue["GBP"] != w.Revenue["GBP"] || len(got.Revenue) != 1 {
			t.Errorf("%s: %d orders, revenue %v; want %d orders, revenue %v", date, got.Count, got.Revenue, w.Count,
				w.Revenue)
		}
	}
}

// lag returns how many messages an activity service has to count yet, endless while it is not ready: there is no such
// metric then.
func lag(t testing.TB, ops string) float64 {
	t.Helper()
	if status, err := get("http://" + ops + "/readyz"); err != nil || status != http.StatusOK {
		return math.Inf(1)
	}
	return metric(t, ops, "activity_lag_messages")
}

// metric sums the series of a counter or gauge on an ops listener.
func metric(t testing.TB, ops, name string) float64 {
	t.Helper()
	response, err := http.Get("http://" + ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	family, found := families[name]
	if !found {
		t.Fatalf("no metric %s on %s", name, ops)
	}
	sum := 0.0
	for _, m := range family.GetMetric() {
		sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	return sum
}

// eventually polls something observable.
func eventually(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// placeOrder posts one small order and returns the status.
func placeOrder(base, reference string) (int, error) {
	body := fmt.Sprintf(`{"reference":%q,"currency":"EUR","lines":[{"sku":"a","quantity":2,"unit_price":150}]}`,
		reference)
	response, err := http.Post(base+"/v1/orders", "application/json", strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// countedLately is how many orders today and the day before have: a test that runs over midnight finds them all.
func countedLately(t testing.TB, base string) int64 {
	t.Helper()
	yesterday := time.Now().UTC().AddDate(0, 0, -1).Format(time.DateOnly)
	return day(t, base, yesterday, "UTC").Count + day(t, base, "today", "UTC").Count
}

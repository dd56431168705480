package activityd_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.uber.org/goleak"

	"ordertally/activity/activityd"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka"
	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/shared/outbox"
	"ordertally/shared/service"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, brokertest.Abandoned()...) }

// client keeps no connections open, so any goroutine that is left belongs to the service.
var client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

const lineage = "01890a5d-ac96-774b-8000-a8b45f0c6d21"

// publish sends records in one transaction, as an order service does.
func publish(t testing.TB, address string, records ...outbox.Record) {
	t.Helper()
	publisher, err := kafka.NewPublisher(kafka.PublisherConfig{Brokers: []string{address}, Topic: event.Topic},
		zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	session, err := publisher.Open(t.Context(), outbox.Identity{Lineage: lineage, MayCreate: true})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for len(records) > 0 {
		n := min(len(records), 10_000)
		if _, err := session.Publish(t.Context(), records[:n], outbox.Watermark{Slot: records[n-1].Slot}); err != nil {
			t.Fatal(err)
		}
		records = records[n:]
	}
}

// order returns a message of 2010-12-01 with two lines, 8 units and 1,530 pence.
func order(slot uint64) outbox.Record {
	placed := time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC)
	e := cloudevent.Envelope{
		ID: fmt.Sprintf("01890a5d-ac96-774b-8000-%012x", slot), Source: event.Source, Type: event.TypeCreated,
		Subject: fmt.Sprint(slot),
		Time:    placed, DataSchema: event.SchemaCreated, ContentType: event.ContentType, Lineage: lineage,
		Sequence: slot,
		Previous: slot - 1,
	}
	value := event.Encode(&event.Order{
		ID: fmt.Sprint(slot), Reference: "536365", CustomerID: "17850", Currency: "GBP", Total: 1530, PlacedAt: placed,
		Lines: []event.Line{
			{SKU: "85123A", Description: "WHITE HANGING HEART T-LIGHT HOLDER", Quantity: 6, UnitPrice: 255},
			{SKU: "71053", Description: "WHITE METAL LANTERN", Quantity: 2},
		},
	})
	return outbox.Record{Slot: slot, Key: fmt.Append(nil, slot), Value: value, Headers: e.Headers(), Time: time.Now()}
}

func orders(from, to uint64) []outbox.Record {
	var records []outbox.Record
	for slot := from; slot <= to; slot++ {
		records = append(records, order(slot))
	}
	return records
}

// free returns the settings of a service on free ports.
func free(data, kafka string) activityd.Config {
	return activityd.Config{Config: service.Config{
		Listen: "127.0.0.1:0", OpsListen: "127.0.0.1:0", Data: data, Kafka: []string{kafka},
	}}
}

// start runs a service on free ports. A test may stop it before the test ends.
func start(t testing.TB, data, kafka string) *activityd.Service {
	t.Helper()
	s, err := activityd.New(free(data, kafka), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t testing.TB, s *activityd.Service) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func get(t testing.TB, address, path string) (status int, body string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

type day struct {
	Count, Items, Units int64
	Revenue             map[string]int64
	AsOf                struct {
		Lagging bool
		Lag     *int64
	} `json:"as_of"`
}

func firstDay(t testing.TB, s *activityd.Service) (d day) {
	t.Helper()
	_, body := get(t, s.Addr(), "/v1/activities/ORDER_CREATED/days/2010-12-01?tz=Europe/London")
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return d
}

func TestService_CountsGoesOnAndParks(t *testing.T) {
	kafka := devbrokertest.Start(t, devbroker.Config{})
	data := filepath.Join(t.TempDir(), "activity.db")
	poison := order(101)
	poison.Value = []byte("{")
	publish(t, kafka.Addr(), append(orders(1, 100), poison)...)
	s := start(t, data, kafka.Addr())
	clocktest.Eventually(t, "all is counted", func() bool { return firstDay(t, s).Count == 100 })
	clocktest.Eventually(t, "the poison is parked", func() bool {
		_, metrics := get(t, s.OpsAddr(), "/metrics")
		return strings.Contains(metrics, "\nactivity_parked_messages 1\n") &&
			strings.Contains(metrics, `activity_poison_total{reason="malformed"} 1`)
	})
	stop(t, s)

	publish(t, kafka.Addr(), append(orders(102, 150), orders(1, 50)...)...) // some come again, as after a restore
	s = start(t, data, kafka.Addr())
	clocktest.Eventually(t, "nothing waits", func() bool {
		d := firstDay(t, s)
		return d.Count == 149 && !d.AsOf.Lagging && *d.AsOf.Lag == 0
	})
	d := firstDay(t, s)
	if d.Count != 149 || d.Items != 298 || d.Units != 1192 || d.Revenue["GBP"] != 227970 {
		t.Fatalf("got %+v", d)
	}
	_, metrics := get(t, s.OpsAddr(), "/metrics")
	for _, line := range []string{`activity_counted_total{activity="ORDER_CREATED"} 49`, "activity_duplicates_total 50",
		"activity_parked_messages 1",
		`activity_lag_messages{partition="5"} 0`, "activity_placed_to_counted_seconds_count 49",
		"activity_database_bytes", "activity_database_free_bytes", "activity_scrub_errors 0",
		"activity_commit_seconds_count", "activity_commit_sync_seconds_count", "http_requests_total"} {
		if !strings.Contains(metrics, "\n"+line) {
			t.Errorf("/metrics has no %s", line)
		}
	}
}

func TestService_ServesWithoutKafka(t *testing.T) {
	kept := t.TempDir()
	first, err := devbroker.Start(devbroker.Config{DataDir: kept})
	if err != nil {
		t.Fatal(err)
	}
	address := first.Addr()
	publish(t, address, orders(1, 10)...)
	data := filepath.Join(t.TempDir(), "activity.db")
	s := start(t, data, address)
	clocktest.Eventually(t, "all is counted", func() bool { return firstDay(t, s).Count == 10 })
	stop(t, s)
	if err := first.Stop(); err != nil {
		t.Fatal(err)
	}

	s = start(t, data, address)
	if d := firstDay(t, s); d.Count != 10 || !d.AsOf.Lagging || d.AsOf.Lag != nil {
		t.Errorf("without Kafka it answers %+v", d)
	}
	if status, body := get(t, s.OpsAddr(), "/readyz"); status != http.StatusServiceUnavailable ||
		!strings.Contains(body, "[-]kafka") {
		t.Errorf("without Kafka /readyz is %d %s", status, body)
	}
	if status, body := get(t, s.OpsAddr(), "/livez"); status != http.StatusOK {
		t.Errorf("without Kafka /livez is %d %s", status, body)
	}
	if _, metrics := get(t, s.OpsAddr(), "/metrics"); strings.Contains(metrics, "activity_lag_messages{") ||
		!strings.Contains(metrics, "\nactivity_parked_messages 0\n") {
		t.Errorf("without Kafka the metrics are %s", metrics)
	}
	second, err := devbroker.Start(devbroker.Config{DataDir: kept, Listen: address})
	if err != nil {
		t.Fatal(err)
	}
	clocktest.Eventually(t, "it is ready", func() bool {
		status, _ := get(t, s.OpsAddr(), "/readyz?verbose")
		return status == http.StatusOK
	})
	publish(t, second.Addr(), orders(11, 12)...)
	clocktest.Eventually(t, "it goes on", func() bool { return firstDay(t, s).Count == 12 })
	const connected = "activity_kafka_outage_seconds 0\n"
	if _, metrics := get(t, s.OpsAddr(), "/metrics"); !strings.Contains(metrics, "\n"+connected) {
		t.Errorf("/metrics has no %q", connected)
	}

	if err := second.Stop(); err != nil { // while the service runs
		t.Fatal(err)
	}
	clocktest.Eventually(t, "it says that Kafka is away, and stays ready", func() bool {
		status, body := get(t, s.OpsAddr(), "/readyz?verbose")
		if status != http.StatusOK {
			t.Fatalf("/readyz is %d %s", status, body)
		}
		d := firstDay(t, s)
		_, metrics := get(t, s.OpsAddr(), "/metrics")
		return strings.Contains(body, "Kafka cannot be reached since ") && d.Count == 12 && d.AsOf.Lagging &&
			d.AsOf.Lag == nil && !strings.Contains(metrics, "\n"+connected)
	})
	third := devbrokertest.Start(t, devbroker.Config{DataDir: kept, Listen: address})
	publish(t, third.Addr(), order(13))
	clocktest.Eventually(t, "it goes on again", func() bool {
		d := firstDay(t, s)
		_, body := get(t, s.OpsAddr(), "/readyz?verbose")
		_, metrics := get(t, s.OpsAddr(), "/metrics")
		return d.Count == 13 && d.AsOf.Lag != nil && !strings.Contains(body, "cannot be reached") &&
			strings.Contains(metrics, "\n"+connected)
	})
}

func TestService_SaysWhyItCannotStart(t *testing.T) {
	kafka := devbrokertest.Start(t, devbroker.Config{})
	data := filepath.Join(t.TempDir(), "activity.db")
	s := start(t, data, kafka.Addr())
	for _, c := range []struct {
		what   string
		change func(*activityd.Config)
		says   string
		is     error
	}{
		{"the API's port is busy", func(c *activityd.Config) { c.Listen = s.Addr() }, s.Addr(), nil},
		{"the ops port is busy", func(c *activityd.Config) { c.OpsListen = s.OpsAddr() }, s.OpsAddr(), nil},
		{"the file is in use", func(c *activityd.Config) { c.Data = data }, data, boltdb.ErrLocked},
		{"no such directory", func(c *activityd.Config) { c.Data = filepath.Join(data+"no", "x.db") }, data + "no",
			nil},
	} {
		config := free(data+"2", kafka.Addr())
		c.change(&config)
		other, err := activityd.New(config, zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		err = other.Start(t.Context())
		if err == nil || !strings.Contains(err.Error(), c.says) || c.is != nil && !errors.Is(err, c.is) {
			t.Errorf("%s: %v", c.what, err)
		}
		stop(t, other) // it must work after a failed start, too
	}
	if status, _ := get(t, s.Addr(), "/v1/activities"); status != http.StatusOK {
		t.Errorf("the first service was harmed: %d", status)
	}
}

func TestService_RefusesSettings(t *testing.T) {
	for says, change := range map[string]func(*activityd.Config){
		"listen":           func(c *activityd.Config) { c.Listen = "8090" },
		"ops-listen":       func(c *activityd.Config) { c.OpsListen = "nowhere" },
		"kafka":            func(c *activityd.Config) { c.Kafka = []string{"localhost"} },
		"dedup-retention":  func(c *activityd.Config) { c.Store.DedupRetention = -1 },
		"zone":             func(c *activityd.Config) { c.Zone = "Mars/Olympus" },
		"activities":       func(c *activityd.Config) { c.Activities = "- name: a" },
		"batch-messages":   func(c *activityd.Config) { c.Ingest.MaxBatch = 100_001 },
		"read-ahead-bytes": func(c *activityd.Config) { c.Consumer.ReadAheadBytes = -1 },
		"retry-limit": func(c *activityd.Config) {
			c.Consumer.RetryFirst, c.Consumer.RetryLimit = time.Minute,
				time.Second
		},
		"live-listeners":   func(c *activityd.Config) { c.LiveListeners = -1 },
		"ledger-retention": func(c *activityd.Config) { c.Store.LedgerRetention = -1 },
	} {
		var config activityd.Config
		change(&config)
		if _, err := activityd.New(config, zerolog.Nop()); err == nil || !strings.Contains(err.Error(), says+":") {
			t.Errorf("%s: %v", says, err)
		}
	}
	if _, err := activityd.New(activityd.Config{}, zerolog.Nop()); err != nil {
		t.Errorf("the zero Config: %v", err)
	}
}

// BenchmarkCount reads 200,000 orders from the development broker, and counts them. The broker runs in this process.
//
//	go test -run - -bench BenchmarkCount ./activity/activityd
func BenchmarkCount(b *testing.B) {
	const events = 200_000
	kafka := devbrokertest.Start(b, devbroker.Config{})
	publish(b, kafka.Addr(), orders(1, events)...)
	var took time.Duration
	for i := range b.N {
		began := time.Now()
		s := start(b, filepath.Join(b.TempDir(), fmt.Sprint(i)), kafka.Addr())
		clocktest.Eventually(b, "all is counted", func() bool { return firstDay(b, s).Count == events })
		took += time.Since(began)
		stop(b, s)
	}
	b.ReportMetric(float64(b.N)*events/took.Seconds(), "events/s")
	b.ReportMetric(0, "ns/op")
}

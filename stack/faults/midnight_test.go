package faults_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/shared/clock"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

// openTransaction writes a record to each partition in another program's transaction, and leaves it open.
func openTransaction(t *testing.T, address string, partitions int32) *confluent.Producer {
	t.Helper()
	producer, err := confluent.NewProducer(&confluent.ConfigMap{
		"bootstrap.servers": address, "transactional.id": "another-program", "transaction.timeout.ms": 120_000,
		"enable.metrics.push": false,
		"go.delivery.reports": false,
	})
	must(t, err)
	t.Cleanup(producer.Close)
	must(t, producer.InitTransactions(t.Context()))
	must(t, producer.BeginTransaction())
	topic := event.Topic
	for partition := range partitions {
		must(t, producer.Produce(&confluent.Message{
			TopicPartition: confluent.TopicPartition{Topic: &topic, Partition: partition}, Value: []byte("{}")}, nil))
	}
	if left := producer.Flush(20_000); left > 0 {
		t.Fatalf("%d records of the other program are not written", left)
	}
	return producer
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// asked is an answer about days, and its entity tag.
type asked struct {
	Final bool
	Lag   int64
	Count int64
	etag  string
	body  string
}

func ask(t *testing.T, url string) (a asked) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	must(t, err)
	response, err := http.DefaultClient.Do(request)
	must(t, err)
	defer response.Body.Close()
	raw := json.NewDecoder(response.Body)
	var body json.RawMessage
	must(t, raw.Decode(&body))
	must(t, json.Unmarshal(body, &a))
	a.etag, a.body = response.Header.Get("ETag"), string(body)
	return a
}

// watch is how long a test waits for an answer that must not come. It is longer than a look at the ends of the
// partitions takes.
const watch = 700 * time.Millisecond

// TestFinal_WaitsForATransactionThatIsOpenOverMidnight keeps another program's transaction open while a day ends in
// three zones, one after the other. Orders of that day are committed behind it. The day, and a range with it, is not
// final before they are counted. It is final within two seconds of the transaction's end. With ORDERTALLY_ROUNDS set,
// the dev broker and an abort are tried as well.
func TestFinal_WaitsForATransactionThatIsOpenOverMidnight(t *testing.T) {
	for _, on := range []string{"dev broker", "Apache Kafka"} {
		for _, end := range []string{"commits", "aborts"} {
			if os.Getenv("ORDERTALLY_ROUNDS") == "" && (on != "Apache Kafka" || end != "commits") {
				continue
			}
			t.Run(on+"/"+end, func(t *testing.T) {
				var address string
				if on == "Apache Kafka" {
					address = kafka.ForTest(t).Addr()
				} else {
					address = devbrokertest.Start(t, devbroker.Config{}).Addr()
				}
				overMidnight(t, address, end == "commits")
			})
		}
	}
}

func overMidnight(t *testing.T, address string, commits bool) {
	c := &counter{t: t, dir: t.TempDir(), address: address}
	at := clock.NewManual(time.Date(2010, 12, 1, 8, 26, 30, 0, time.UTC)) // orders are of 8:26
	c.clock = at
	c.publish("a", 1, 20)
	other := openTransaction(t, address, 2)
	c.publish("a", 21, 40)
	c.start()
	t.Cleanup(c.stop)
	base := "http://" + c.Addr() + "/v1/activities/ORDER_CREATED/days"
	zones := []string{"Pacific/Auckland", "Europe/London", "America/New_York"}
	day := func(zone string) asked { t.Helper(); return ask(t, base+"/2010-12-01?tz="+zone) }
	days := func(zone string) asked { t.Helper(); return ask(t, base+"?from=2010-11-30&to=2010-12-01&tz="+zone) }
	clocktest.Eventually(t, "what stands before the transaction is counted",
		func() bool { return day(zones[0]).Count == 20 })
	for _, zone := range zones {
		midnight, err := time.LoadLocation(zone)
		must(t, err)
		at.Set(time.Date(2010, 12, 2, 0, 0, 1, 0, midnight))
		for begun := time.Now(); time.Since(begun) < watch; {
			for _, a := range []asked{day(zone), days(zone)} {
				if a.Final || a.etag != "" || a.Lag == 0 {
					t.Fatalf("final too early in %s: etag %q, %s", zone, a.etag, a.body)
				}
			}
		}
	}
	if lag := stacktest.Metric(t, c.OpsAddr(), "activity_lag_messages"); lag < 22 {
		t.Errorf("the lag is %v; 2 records of the other program and 20 orders are not counted", lag)
	}
	if waits := stacktest.Metric(t, c.OpsAddr(), "activity_open_transaction_wait_seconds"); waits == 0 {
		t.Error("no metric says that a transaction is waited for")
	}
	if ready := stacktest.Text(t, "http://"+c.OpsAddr()+"/readyz?verbose"); !strings.Contains(ready,
		"[+]kafka ok (partitions that wait for the end of another program's open transaction: 2, such as") {
		t.Errorf("readyz says %s", ready)
	}
	if live := firstEvent(t, "http://"+c.Addr()+
		"/v1/activities/ORDER_CREATED/live?tz=Pacific/Auckland"); !strings.Contains(live, `"final":false`) ||
		strings.Contains(live, `"lag":0`) {
		t.Errorf("the live stream says %s", live)
	}
	if commits {
		must(t, other.CommitTransaction(t.Context()))
	} else {
		must(t, other.AbortTransaction(t.Context()))
	}
	ended := time.Now()
	for _, zone := range zones {
		clocktest.Eventually(t, "it is final", func() bool { return day(zone).Final && days(zone).Final })
	}
	took := time.Since(ended)
	t.Logf("final in three zones %s after the transaction ended", took.Round(time.Millisecond))
	if took > 2*time.Second {
		t.Errorf("the days became final %s after the transaction ended, want at most 2 s", took)
	}
	for _, zone := range zones {
		if a := day(zone); a.Count != 40 || a.Lag != 0 || a.etag == "" || a.etag != day(zone).etag {
			t.Errorf("in %s the final day is %s, etag %q", zone, a.body, a.etag)
		}
	}
	if waits := stacktest.Metric(t, c.OpsAddr(), "activity_open_transaction_wait_seconds"); waits != 0 {
		t.Errorf("it still waits, for %v s", waits)
	}
}

// firstEvent returns the first event of a live stream.
func firstEvent(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	must(t, err)
	response, err := http.DefaultClient.Do(request)
	must(t, err)
	defer response.Body.Close()
	var event []byte
	for piece := make([]byte, 4096); !strings.Contains(string(event), "\n\nid:") &&
		strings.Count(string(event), "\n\n") < 2; {
		n, err := response.Body.Read(piece)
		must(t, err)
		event = append(event, piece[:n]...)
	}
	return string(event)
}

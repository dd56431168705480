package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/order/orderstore"
	"ordertally/shared/clock/clocktest"
	"ordertally/stack/stacktest"
)

// dev is a running `ordertally dev`, with what its banner says.
type dev struct {
	*stacktest.Program
	orders, statistics, kafka string
	addresses                 []string // all that begin with http
}

func startDev(t *testing.T, data string, args ...string) *dev {
	t.Helper()
	const free = ":0" // of loopback
	d := &dev{Program: stacktest.Run(t, stacktest.Serving{Program: stacktest.DevProgram(t), Args: append([]string{
		"dev", "--data", data, "--order-listen", free, "--order-ops-listen", free, "--activity-listen", free,
		"--activity-ops-listen", free, "--kafka-listen", free,
	}, args...)})}
	var banner string
	clocktest.Eventually(t, "the banner is shown", func() bool {
		select {
		case <-d.Exited:
			t.Fatalf("it ended: %s", d.Log())
		default:
		}
		_, banner, _ = strings.Cut(d.Log(), "Ordertally is up.")
		return strings.Contains(banner, "2010-12-03")
	})
	page := func(name string) string {
		found := regexp.MustCompile(`\n +` + name + ` +(http\S+)/\n`).FindStringSubmatch(banner)
		if found == nil {
			t.Fatalf("the banner does not name the page of %s: %s", name, banner)
		}
		return found[1]
	}
	d.orders, d.statistics = page("orders"), page("statistics")
	d.kafka = regexp.MustCompile(`\n +Kafka +(\S+)\n`).FindStringSubmatch(banner)[1]
	d.addresses = regexp.MustCompile(`http://[^\s']+`).FindAllString(banner, -1)
	return d
}

// counts returns the orders of the last eight days in London, today last.
func (d *dev) counts(t *testing.T) (counts []int64) {
	t.Helper()
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().In(zone)
	var answer struct {
		Tz   string
		Days []struct{ Count int64 }
	}
	stacktest.GetJSON(t, d.statistics+"/v1/activities/ORDER_CREATED/days?from="+
		now.AddDate(0, 0, -7).Format(time.DateOnly)+"&to="+now.Format(time.DateOnly), &answer)
	if answer.Tz != zone.String() {
		t.Errorf("the days are of the zone %s", answer.Tz)
	}
	for _, day := range answer.Days {
		counts = append(counts, day.Count)
	}
	return counts
}

// TestDev_IsAliveInItsFirstMinute: the days before today have the orders of the real days, more come, and a second
// start places none of them again.
func TestDev_IsAliveInItsFirstMinute(t *testing.T) {
	data, config := t.TempDir(), filepath.Join(t.TempDir(), "dev.yaml")
	if err := os.WriteFile(config, []byte("zone: Europe/London\n"+documentedActivity(t)), 0o600); err != nil {
		t.Fatal(err)
	}
	first := startDev(t, data, "--config", config)
	for _, address := range first.addresses {
		if !strings.HasSuffix(address, "/v1/orders") && !stacktest.Healthy(address) { // that one is for a POST
			t.Errorf("the banner names %s, which does not answer", address)
		}
	}
	stacktest.CheckRealDays(t, first.statistics)
	before := first.counts(t)
	days := slices.Compact(slices.Sorted(slices.Values(before[:7])))
	if !slices.Equal(days, []int64{73, 136, 143}) || before[0] == before[6] {
		t.Fatalf("the last eight days have %v orders", before)
	}
	var newest struct {
		Orders []struct {
			Source   string
			Metadata map[string]string
		}
	}
	stacktest.GetJSON(t, first.orders+"/v1/orders?limit=5", &newest)
	for _, o := range newest.Orders {
		if o.Metadata["demo"] != "true" || o.Source != "demo" {
			t.Errorf("a demo order is not marked: %+v", o)
		}
	}

	refund(t, first.kafka)
	clocktest.Eventually(t, "the refund is counted", func() bool {
		var today struct{ Count int64 }
		stacktest.GetJSON(t, first.statistics+"/v1/activities/ORDER_REFUNDED/days/today", &today)
		return today.Count == 1
	})
	clocktest.Eventually(t, "an order comes", func() bool {
		now := first.counts(t)
		return now[7] > before[7] || now[6] != before[6] // midnight has passed
	})
	first.Ends(syscall.SIGINT, 20*time.Second)

	second := startDev(t, data, "--zone", "Europe/London")
	stacktest.CheckRealDays(t, second.statistics)
	if after := second.counts(t); !slices.Equal(after[1:6], before[1:6]) && !slices.Equal(after[:6], before[1:7]) {
		t.Errorf("after a second start the days have %v orders, before %v", after, before)
	}
	second.Ends(syscall.SIGINT, 20*time.Second)
}

// TestDev_WithKeysHasNoDemo: somebody has made a key in the file of order, and starts again.
func TestDev_WithKeysHasNoDemo(t *testing.T) {
	data := t.TempDir()
	if err := os.WriteFile(filepath.Join(data, "imported"), nil, 0o600); err != nil { // the days are not to be imported
		t.Fatal(err)
	}
	keyIn(t, filepath.Join(data, "order.db"), orderstore.Format)
	d := stacktest.Run(t, stacktest.Serving{Program: stacktest.DevProgram(t), Args: []string{
		"dev", "--data", data, "--order-listen", ":0", "--order-ops-listen", ":0", "--activity-listen", ":0",
		"--activity-ops-listen", ":0", "--kafka-listen", ":0",
	}})
	clocktest.Eventually(t, "the banner is shown", func() bool {
		return strings.Contains(d.Log(), "Ordertally is up.")
	})
	if log := d.Log(); !strings.Contains(log, "no demo orders: the order service asks for a key") ||
		strings.Contains(log, "metadata.demo") {
		t.Errorf("it says: %s", log)
	}
	d.Ends(syscall.SIGINT, 20*time.Second)
}

// documentedActivity returns the example of a declared activity as the documents have it.
func documentedActivity(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/activities.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?ms)^```yaml\n(activities:\n.*?)^```$").FindSubmatch(text)
	if block == nil {
		t.Fatal("the page on activities has no example of one")
	}
	return string(block[1])
}

// refund publishes one refund of today, as the example declares it.
func refund(t *testing.T, kafka string) {
	t.Helper()
	producer, err := confluent.NewProducer(&confluent.ConfigMap{
		"bootstrap.servers": kafka, "allow.auto.create.topics": false,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	topic, report := "order.refunded.v1", make(chan confluent.Event, 1)
	err = producer.Produce(&confluent.Message{
		TopicPartition: confluent.TopicPartition{Topic: &topic, Partition: confluent.PartitionAny},
		Value: fmt.Appendf(nil, `{"type":"ORDER_REFUNDED","event_id":"e1","order_id":"o1","refunded_at":%q,`+
			`"reason":"late","refund":{"amount":100,"currency":"GBP"}}`, time.Now().UTC().Format(time.RFC3339)),
	}, report)
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := (<-report).(*confluent.Message); !ok || m.TopicPartition.Error != nil {
		t.Fatalf("the refund was not published: %v", m)
	}
}

package e2e_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/order/retail"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka"
	"ordertally/shared/kafka/brokertest"
	apache "ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

// dayFigures are the figures that the script computes.
type dayFigures struct {
	Count, Items, Units, Revenue, Least, Most, Customers int64
	First, Last                                          time.Time
	Countries                                            map[string]int64
	Hours                                                map[string][2]int64 // count and revenue by the hour's name
}

// dayAnswer is the activity service's answer for a day.
type dayAnswer struct {
	Count, Items, Units, Customers int64
	Revenue                        map[string]int64
	First, Last                    time.Time
	Stats                          struct {
		Revenue   map[string]struct{ Count, Min, Max int64 }
		Customers struct{ Exact bool }
	}
	Dimensions struct {
		Country []struct {
			Value string
			Count int64
		}
	}
	Hours []struct {
		Hour    int
		Count   int64
		Revenue map[string]int64
	}
}

// figures converts an answer to the script's form.
func (a *dayAnswer) figures() dayFigures {
	f := dayFigures{
		Count: a.Count, Items: a.Items, Units: a.Units, Revenue: a.Revenue["GBP"], Customers: a.Customers,
		First: a.First, Last: a.Last,
		Least: a.Stats.Revenue["GBP"].Min, Most: a.Stats.Revenue["GBP"].Max, Countries: map[string]int64{},
		Hours: map[string][2]int64{},
	}
	for _, row := range a.Dimensions.Country {
		f.Countries[row.Value] = row.Count
	}
	for _, hour := range a.Hours {
		if hour.Count > 0 {
			f.Hours[strconv.Itoa(hour.Hour)] = [2]int64{hour.Count, hour.Revenue["GBP"]}
		}
	}
	return f
}

// TestActivity_FiguresOfRealOrdersAreThoseOfAScript imports three days of real orders in shuffled order, twice.
// Meanwhile another producer publishes a tenth of the messages again, and poison at one in a hundred. In two activity
// services, every day in four zones must equal, to the penny, what a script computes from only the CSV files.
func TestActivity_FiguresOfRealOrdersAreThoseOfAScript(t *testing.T) {
	requirePython(t)
	brokers := apache.ForTest(t).Addr()
	s := stacktest.StartServices(t, t.TempDir(), brokers)
	file := filepath.Join(t.TempDir(), "shuffled.csv")
	shuffle(t, file)
	shop, err := orders.New(client.Config{URL: s.OrderURL(), AttemptTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer shop.Close()
	for _, want := range []retail.Summary{{Placed: stacktest.RealOrders}, {Replayed: stacktest.RealOrders}} {
		got, err := retail.Import(t.Context(), []string{file}, shop, retail.Options{})
		if err != nil || got.Placed != want.Placed || got.Replayed != want.Replayed {
			t.Fatalf("imported %+v, %v, want %+v", got, err, want)
		}
		clocktest.Eventually(t, "every order is published", func() bool {
			return stacktest.Metric(t, s.Addresses.OrderOps, "order_outbox_backlog_messages") == 0
		})
	}
	again, poisonous := publishForeign(t, brokers)
	t.Logf("%d orders; %d published again, half of them without their lineage; %d poisonous", stacktest.RealOrders,
		again,
		poisonous)

	replica := stacktest.Serve(t, stacktest.Serving{Program: stacktest.ActivityProgram(t), Kafka: brokers})
	for base, ops := range map[string]string{s.ActivityURL(): s.Addresses.ActivityOps, replica.URL(): replica.Ops} {
		clocktest.Eventually(t, base+" has read everything", func() bool {
			return stacktest.Metric(t, ops, "activity_consumed_total") == float64(stacktest.RealOrders+again+poisonous)
		})
		if parked, duplicates := stacktest.Metric(t, ops, "activity_parked_messages"),
			stacktest.Metric(t, ops, "activity_duplicates_total"); parked != float64(poisonous) ||
			duplicates != float64(again) {
			t.Errorf("%s: %v parked and %v refused, want %d and %d", base, parked, duplicates, poisonous, again)
		}
		for _, zone := range []string{"Europe/London", "Asia/Kathmandu", "America/St_Johns", "Pacific/Chatham"} {
			want := scriptFigures(t, zone)
			for _, date := range slices.Sorted(maps.Keys(want)) {
				var answer dayAnswer
				stacktest.GetJSON(t, fmt.Sprintf("%s/v1/activities/ORDER_CREATED/days/%s?tz=%s", base, date, zone),
					&answer)
				if got := answer.figures(); fmt.Sprint(got) != fmt.Sprint(want[date]) || !answer.Stats.Customers.Exact {
					t.Errorf("%s, %s in %s\ngot  %+v\nwant %+v", base, date, zone, got, want[date])
				}
			}
		}
	}
}

func requirePython(t *testing.T) {
	t.Helper()
	if err := exec.Command("python3", "-c", "import zoneinfo; zoneinfo.ZoneInfo('Pacific/Chatham')").Run(); err != nil {
		const missing = "python3 with time zones is missing: install the Debian packages python3 and tzdata"
		if os.Getenv("REQUIRE_ALL") == "1" {
			t.Fatal("REQUIRE_ALL=1, and " + missing)
		}
		t.Skip("SKIPPED: " + missing)
	}
}

func scriptFigures(t *testing.T, zone string) map[string]dayFigures {
	t.Helper()
	output, err := exec.Command("python3",
		append([]string{"figures.py", zone}, stacktest.RealFiles(t)...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	var figures map[string]dayFigures
	if err := json.Unmarshal(output, &figures); err != nil {
		t.Fatal(err)
	}
	return figures
}

// shuffle writes the invoices of all days to one file, in random order.
func shuffle(t *testing.T, file string) {
	t.Helper()
	var header []string
	var numbers []string
	invoices := map[string][][]string{}
	for _, name := range stacktest.RealFiles(t) {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		header = rows[0]
		for _, row := range rows[1:] {
			if _, known := invoices[row[0]]; !known {
				numbers = append(numbers, row[0])
			}
			invoices[row[0]] = append(invoices[row[0]], row)
		}
	}
	seed := rand.Uint64()
	t.Logf("shuffled with seed %d", seed)
	rand.New(rand.NewPCG(seed, 0)).Shuffle(len(numbers),
		func(i, j int) { numbers[i], numbers[j] = numbers[j], numbers[i] })
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	w := csv.NewWriter(f)
	_ = w.Write(header)
	for _, number := range numbers {
		_ = w.WriteAll(invoices[number])
	}
	if err := w.Error(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// publishForeign publishes every tenth message of the topic again, half of them without their lineage. It also
// publishes several kinds of poison, at least one message in a hundred.
func publishForeign(t *testing.T, brokers string) (again, poisonous int) {
	t.Helper()
	var messages []*confluent.Message
	topic := event.Topic
	message := func(key, value []byte, headers []cloudevent.Header) {
		m := &confluent.Message{TopicPartition: confluent.TopicPartition{Topic: &topic,
			Partition: confluent.PartitionAny}, Key: key, Value: value}
		for _, h := range headers {
			m.Headers = append(m.Headers, confluent.Header(h))
		}
		messages = append(messages, m)
	}
	records := brokertest.ReadAll(t, brokers, topic)
	for i := 0; i < len(records); i += 10 {
		r := &records[i]
		headers := r.Headers
		if i%20 == 0 {
			headers = stacktest.WithoutLineage(headers)
		}
		message(r.Key, r.Value, headers)
		again++
	}
	first := records[0]
	const wrongTotal = `{"id":"x","currency":"GBP","lines":[{"quantity":1,"unit_price":5}],"total":6,` +
		`"placed_at":"2010-12-01T08:26:00Z"}`
	for _, spoilt := range []kafka.Record{
		{Value: []byte("no headers")}, {Value: nil, Headers: first.Headers},
		{Value: []byte("{"), Headers: first.Headers},
		{Value: []byte(wrongTotal), Headers: first.Headers},
	} {
		message([]byte("poison"), spoilt.Value, spoilt.Headers)
		poisonous++
	}
	producer, err := confluent.NewProducer(&confluent.ConfigMap{"bootstrap.servers": brokers, "acks": "all"})
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	reports := make(chan confluent.Event, len(messages))
	for _, m := range messages {
		if err := producer.Produce(m, reports); err != nil {
			t.Fatal(err)
		}
	}
	for range messages {
		if m := (<-reports).(*confluent.Message); m.TopicPartition.Error != nil {
			t.Fatal(m.TopicPartition.Error)
		}
	}
	return again, poisonous
}

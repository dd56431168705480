//go:build linux && faults

package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

// memoryLimit is what a process may have of its own: 1 GiB. What it needs without a bomb is a third of it, stacks of
// threads included.
const memoryLimit = 1 << 30

// limited is a process of bin/activity with little memory.
type limited struct{ *stacktest.Program }

func startLimited(t *testing.T, arguments ...string) limited {
	t.Helper()
	if _, err := exec.LookPath("prlimit"); err != nil {
		t.Skip("SKIPPED: prlimit is not there")
	}
	return limited{stacktest.Run(t, stacktest.Serving{
		Program: stacktest.ActivityProgram(t), Under: []string{"prlimit", fmt.Sprintf("--data=%d", memoryLimit)},
		Args: append([]string{"serve"}, arguments...),
	})}
}

// dies waits until it has died of too little memory.
func (l limited) dies(t *testing.T) {
	t.Helper()
	if code := l.ExitCode(time.Minute); code == 0 || code == 1 || strings.Contains(l.Log(), "unknown flag") {
		t.Fatal("it ended by itself: ", l.Log())
	}
}

// api waits for the address of the API.
func (l limited) api(t *testing.T) string {
	t.Helper()
	var address string
	clocktest.Eventually(t, "activity listens", func() bool {
		for line := range strings.Lines(l.Log()) {
			var entry struct{ API string }
			if json.Unmarshal([]byte(line), &entry) == nil && entry.API != "" {
				address = "http://" + entry.API
			}
		}
		return address != ""
	})
	return address
}

func askJSON(t *testing.T, url string, into any) error {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return json.NewDecoder(answer.Body).Decode(into)
}

// payments puts a topic of two partitions with payments and, in the middle of partition 1, a batch.
func payments(t *testing.T, address string, b bomb) (topic string, at int64) {
	t.Helper()
	topic = "payments-" + b.codec
	admin, err := confluent.NewAdminClient(&confluent.ConfigMap{"bootstrap.servers": address})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	results, err := admin.CreateTopics(ctx, []confluent.TopicSpecification{{
		Topic: topic, NumPartitions: 2, ReplicationFactor: 1, Config: map[string]string{"max.message.bytes": "4000000"},
	}})
	if err != nil || results[0].Error.Code() != confluent.ErrNoError {
		t.Fatal(results, err)
	}
	producer, err := confluent.NewProducer(
		&confluent.ConfigMap{"bootstrap.servers": address, "go.delivery.reports": false})
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	n := 0
	pay := func(partition int32, payments int) {
		for range payments {
			n++
			value := fmt.Appendf(nil, `{"at":"2026-01-01T00:00:00Z","amount":%d,"currency":"EUR"}`, n)
			err := producer.Produce(&confluent.Message{
				TopicPartition: confluent.TopicPartition{Topic: &topic, Partition: partition}, Value: value,
				Headers: []confluent.Header{{Key: "id", Value: fmt.Append(nil, n)},
					{Key: "type", Value: []byte("PAID")}}}, nil)
			if err != nil {
				t.Fatal(err)
			}
		}
		if left := producer.Flush(20_000); left > 0 {
			t.Fatalf("%d payments are not sent", left)
		}
	}
	pay(0, 3)
	pay(1, 4)
	at = produceBatch(t, address, topic, 1, b.batch(t))
	pay(1, 5)
	pay(0, 6)
	return topic, at
}

// serveArguments are those of a service that counts payments.
func serveArguments(data, address, topic string) []string {
	return []string{"--data", data, "--kafka", address, "--topic", "orders", "--listen", "127.0.0.1:0", "--ops-listen",
		"127.0.0.1:0", "--activities",
		fmt.Sprintf(`[{name: PAYMENT, topic: %s, type: PAID, type-at: "header:type", id: "header:id", time: at, `+
			`measures: {revenue: sum(amount) by currency}}]`, topic)}
}

// TestSkip_IsTheWayPastARecordThatEndsTheService uses Apache Kafka. A batch of a megabyte that expands to a gigabyte
// ends the service at each start. The third start reads batch by batch. Later ones say where it dies and how often.
// After the skip all other records are counted.
func TestSkip_IsTheWayPastARecordThatEndsTheService(t *testing.T) {
	cluster := kafka.ForTest(t)
	topic, at := payments(t, cluster.Addr(), bomb{records: 1, size: 1 << 30, codec: "gzip"})
	data := filepath.Join(t.TempDir(), "activity.db")
	arguments := serveArguments(data, cluster.Addr(), topic)
	for range 3 {
		startLimited(t, arguments...).dies(t)
	}
	for _, times := range []string{"died once", "died 2 times"} {
		l := startLimited(t, arguments...)
		l.dies(t)
		for _, want := range []string{times, fmt.Sprintf(`"partition":1,"offset":%d`, at),
			fmt.Sprintf("activity skip --data %s --topic %s --partition 1 --offset %d --reason TEXT", data, topic,
				at)} {
			if !strings.Contains(l.Log(), want) {
				t.Errorf("the start does not say %q", want)
			}
		}
	}
	path := stacktest.ActivityProgram(t)
	skip := func(offset int64) (string, error) {
		output, err := exec.Command(path, "skip", "--data", data, "--topic", topic, "--partition", "1", "--offset",
			fmt.Sprint(offset), "--reason", "it expands to 1 GiB").CombinedOutput()
		return string(output), err
	}
	if output, err := skip(at + 1); err == nil || !strings.Contains(output, fmt.Sprintf("at offset %d next", at)) {
		t.Errorf("another offset: %v %s", err, output)
	}
	if output, err := skip(at); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	l := startLimited(t, arguments...)
	api := l.api(t)
	var day struct {
		Count   int
		Revenue map[string]int
	}
	clocktest.Eventually(t, "the others are counted", func() bool {
		return askJSON(t, api+"/v1/activities/PAYMENT/days/2026-01-01", &day) == nil && day.Count == 18
	})
	if day.Revenue["EUR"] != 18*19/2 {
		t.Errorf("the day is %+v", day)
	}
	var parked struct {
		Parked []struct {
			Class     string
			Partition int32
			Offset    int64
		}
	}
	if err := askJSON(t, api+"/v1/activities/PAYMENT/parked", &parked); err != nil || len(parked.Parked) != 1 ||
		parked.Parked[0].Class != "skipped" ||
		parked.Parked[0].Partition != 1 || parked.Parked[0].Offset != at {
		t.Errorf("parked %+v, %v", parked, err)
	}
	var audit struct {
		Entries []struct{ Verb, Outcome, Reason string }
	}
	if err := askJSON(t, api+"/v1/activities/PAYMENT/audit", &audit); err != nil || len(audit.Entries) != 1 ||
		audit.Entries[0].Verb != "skip" || audit.Entries[0].Reason != "it expands to 1 GiB" {
		t.Errorf("audit %+v, %v", audit, err)
	}
	l.Ends(syscall.SIGTERM, time.Minute)
	if text := l.Log(); strings.Contains(text, "died") || strings.Contains(text, "batch by batch") {
		t.Error("what was skipped is still suspected")
	}
}

// TestSkip_IsTheWayPastABatchThatCannotBeExpanded uses zstd, which the client bounds. The client asks for such a batch
// for ever. The other partition goes on, and the log says what to do.
func TestSkip_IsTheWayPastABatchThatCannotBeExpanded(t *testing.T) {
	dev := devbrokertest.Start(t, devbroker.Config{DataDir: t.TempDir(), Listen: "127.0.0.1:0"})
	topic, at := payments(t, dev.Addr(), bomb{records: 1, size: 150 << 20, codec: "zstd"})
	data := filepath.Join(t.TempDir(), "activity.db")
	arguments := serveArguments(data, dev.Addr(), topic)
	l := startLimited(t, arguments...)
	api := l.api(t)
	counted := func(want int) func() bool {
		return func() bool {
			var day struct{ Count int }
			return askJSON(t, api+"/v1/activities/PAYMENT/days/2026-01-01", &day) == nil && day.Count == want
		}
	}
	clocktest.Eventually(t, "the other partition and all before the batch are counted", counted(3+4+6))
	clocktest.Eventually(t, "the log says so", func() bool {
		return strings.Contains(l.Log(), fmt.Sprintf("of message at %d of", at)) &&
			strings.Contains(l.Log(), "activity skip")
	})
	l.Ends(syscall.SIGTERM, time.Minute)
	path := stacktest.ActivityProgram(t)
	if output, err := exec.Command(path, "skip", "--data", data, "--topic", topic, "--partition", "1", "--offset",
		fmt.Sprint(at), "--reason", "it expands").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	l = startLimited(t, arguments...)
	api = l.api(t)
	clocktest.Eventually(t, "all others are counted", counted(18))
	l.Ends(syscall.SIGTERM, time.Minute)
}

package kafka_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"go.uber.org/goleak"

	"ordertally/stack/kafka"
)

const patience = time.Minute

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestKafka_KeepsWhatIsCommittedThroughKillPauseAndStop(t *testing.T) {
	k := kafka.ForTest(t)
	t.Logf("Apache Kafka %s on %s", kafka.Version(), k.Addr())
	addr, topic := k.Addr(), "survives"
	createTopic(t, addr, topic)
	produceInTransaction(t, addr, topic, "one")
	expect := func(values ...string) {
		t.Helper()
		if got := readCommitted(t, k.Addr(), topic); !slices.Equal(got, values) {
			t.Fatalf("a read_committed consumer sees %q, want %q", got, values)
		}
	}
	expect("one")

	k.Kill()
	if err := metadata(t, addr, time.Second); err == nil {
		t.Fatal("a killed broker answers")
	}
	restart(t, k)
	if k.Addr() != addr {
		t.Fatalf("the address was %s and is %s", addr, k.Addr())
	}
	expect("one")

	k.Pause()
	if err := metadata(t, addr, time.Second); err == nil {
		t.Fatal("a paused broker answers")
	}
	k.Resume()
	if err := metadata(t, addr, patience); err != nil {
		t.Fatalf("after Resume: %v", err)
	}
	produceInTransaction(t, addr, topic, "two")
	expect("one", "two")

	k.Pause()
	for range 2 { // the second has nothing to do
		if err := k.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	restart(t, k)
	expect("one", "two")
}

func TestStart_ThatFailsShowsTheLog(t *testing.T) {
	kafka.Require(t)
	var config net.ListenConfig
	busy, err := config.Listen(t.Context(), "tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Close() }()
	port := busy.Addr().(*net.TCPAddr).Port
	k, err := kafka.Start(t.Context(), kafka.Options{Dir: t.TempDir(), Port: port})
	if err == nil {
		k.Kill()
		t.Fatal("started on a busy port")
	}
	for _, want := range []string{strconv.Itoa(port), "the process ended", "Address already in use"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q: %v", want, err)
		}
	}
}

func restart(t *testing.T, k *kafka.Kafka) {
	t.Helper()
	if err := k.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// client is a librdkafka configuration for a broker here.
func client(addr string, more confluent.ConfigMap) *confluent.ConfigMap {
	cfg := confluent.ConfigMap{
		"bootstrap.servers": addr, "enable.metrics.push": false, "log_level": 0, "reconnect.backoff.max.ms": 500,
	}
	for name, value := range more {
		cfg[name] = value
	}
	return &cfg
}

func admin(t *testing.T, addr string) *confluent.AdminClient {
	t.Helper()
	a, err := confluent.NewAdminClient(client(addr, nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.Close)
	return a
}

// metadata asks the broker once, within the given time.
func metadata(t *testing.T, addr string, timeout time.Duration) error {
	t.Helper()
	_, err := admin(t, addr).GetMetadata(nil, true, int(timeout.Milliseconds()))
	return err
}

func createTopic(t *testing.T, addr, topic string) {
	t.Helper()
	results, err := admin(t, addr).CreateTopics(t.Context(), []confluent.TopicSpecification{
		{Topic: topic, NumPartitions: 1, ReplicationFactor: 1},
	}, confluent.SetAdminOperationTimeout(patience))
	if err != nil {
		t.Fatal(err)
	}
	if results[0].Error.Code() != confluent.ErrNoError {
		t.Fatal(results[0].Error)
	}
}

func produceInTransaction(t *testing.T, addr, topic, value string) {
	t.Helper()
	p, err := confluent.NewProducer(client(addr, confluent.ConfigMap{"transactional.id": "test"}))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	deliveries := make(chan confluent.Event, 1)
	if err := errors.Join(
		p.InitTransactions(ctx),
		p.BeginTransaction(),
		p.Produce(&confluent.Message{
			TopicPartition: confluent.TopicPartition{Topic: &topic, Partition: 0}, Value: []byte(value),
		}, deliveries),
		p.CommitTransaction(ctx),
	); err != nil {
		t.Fatal(err)
	}
	if m := (<-deliveries).(*confluent.Message); m.TopicPartition.Error != nil {
		t.Fatal(m.TopicPartition.Error)
	}
}

// readCommitted returns the values of partition 0 up to its end.
func readCommitted(t *testing.T, addr, topic string) []string {
	t.Helper()
	c, err := confluent.NewConsumer(client(addr, confluent.ConfigMap{
		"group.id": "unused", "isolation.level": "read_committed", "enable.auto.commit": false,
		"auto.offset.reset": "error", "enable.partition.eof": true,
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.Assign([]confluent.TopicPartition{{Topic: &topic, Partition: 0, Offset: 0}}); err != nil {
		t.Fatal(err)
	}
	var values []string
	for end := time.Now().Add(patience); time.Now().Before(end); {
		switch event := c.Poll(1000).(type) {
		case *confluent.Message:
			values = append(values, string(event.Value))
		case confluent.PartitionEOF:
			return values
		}
	}
	t.Fatalf("no end of partition within %s; read %d", patience, len(values))
	return nil
}

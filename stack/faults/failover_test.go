//go:build faults

package faults_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/kafka/brokertest"
	"ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

// failoverBound is how much later than the cluster itself publishing may recover.
const failoverBound = 5 * time.Second

const probeTopic, probePartitions = "probe", 6

// probe writes a record to each partition with its own plain idempotent producer, which requires all replicas. It reads
// the record back with its own consumer.
func probe(ctx context.Context, brokers []string) error {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.RequiredAcks(kgo.AllISRAcks()),
		kgo.DialTimeout(time.Second), kgo.ProducerLinger(0),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	var records []*kgo.Record
	for partition := range int32(probePartitions) {
		records = append(records, &kgo.Record{Topic: probeTopic, Partition: partition, Value: []byte("probe")})
	}
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return err
	}
	offsets := map[int32]kgo.Offset{}
	for _, r := range records {
		offsets[r.Partition] = kgo.NewOffset().At(r.Offset)
	}
	reader, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DialTimeout(time.Second),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{probeTopic: offsets}))
	if err != nil {
		return err
	}
	defer reader.Close()
	seen := map[int32]bool{}
	for len(seen) < probePartitions {
		fetches := reader.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			return err
		}
		fetches.EachRecord(func(r *kgo.Record) { seen[r.Partition] = true })
	}
	return nil
}

// clusterBack probes until an attempt that began after the fault succeeds. It returns the time of that success.
// Attempts overlap, because one that met the dead node must not hide that the cluster is back.
func clusterBack(t *testing.T, cluster *kafka.Cluster) time.Time {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	back := make(chan time.Time, 1)
	var attempts sync.WaitGroup
	defer attempts.Wait()
	defer cancel()
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for {
		attempts.Go(func() {
			one, end := context.WithTimeout(ctx, 3*time.Second)
			defer end()
			if probe(one, strings.Split(cluster.Addr(), ",")) == nil {
				select {
				case back <- time.Now():
				default:
				}
			}
		})
		select {
		case at := <-back:
			return at
		case <-tick.C:
		case <-ctx.Done():
			t.Error("the cluster did not come back")
			return time.Now()
		}
	}
}

// transactionsAreComplete reports whether no transaction of the cluster is open or still writes its markers.
func transactionsAreComplete(t *testing.T, admin *kgo.Client) bool {
	t.Helper()
	response, err := kmsg.NewPtrListTransactionsRequest().RequestWith(t.Context(), admin)
	if err != nil {
		t.Fatal(err)
	}
	complete := len(response.TransactionStates) > 0
	for _, one := range response.TransactionStates {
		switch one.TransactionState {
		case "Empty", "CompleteCommit", "CompleteAbort":
		default:
			complete = false
		}
	}
	return complete
}

// TestRelay_IsBackSoonAfterAFailover kills and stops the leader, the controller and the coordinator of the watermark's
// group, each one of three brokers. Publishing recovers within 5 s of the cluster itself. Nothing is lost, doubled or
// refused.
func TestRelay_IsBackSoonAfterAFailover(t *testing.T) {
	cluster := kafka.ClusterForTest(t)
	s := stacktest.StartServices(t, t.TempDir(), cluster.Addr())
	admin, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(cluster.Addr(), ",")...))
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	request, topic := kmsg.NewPtrCreateTopicsRequest(), kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = probeTopic, probePartitions, 3
	request.Topics = append(request.Topics, topic)
	if response, err := request.RequestWith(t.Context(), admin); err != nil || response.Topics[0].ErrorCode != 0 {
		t.Fatal(response, err)
	}
	backlog := func() float64 { return stacktest.Metric(t, s.Addresses.OrderOps, "order_outbox_backlog_messages") }
	n := 0
	place := func(orders int) {
		t.Helper()
		for range orders {
			n++
			if status, err := stacktest.PlaceOrder(s.OrderURL(), fmt.Sprint(n)); err != nil ||
				status != http.StatusCreated {
				t.Fatalf("order %d: status %d, %v", n, status, err)
			}
		}
	}
	place(50)
	clocktest.Eventually(t, "the first orders are published", func() bool { return backlog() == 0 })
	leader := func(ctx context.Context) (*kafka.Kafka, error) { return cluster.Leader(ctx, event.Topic, 0) }
	coordinator := func(ctx context.Context) (*kafka.Kafka, error) {
		groups, err := kmsg.NewPtrListTransactionsRequest().RequestWith(ctx, admin)
		if err != nil {
			return nil, err
		}
		return cluster.GroupCoordinator(ctx, groups.TransactionStates[0].TransactionalID)
	}
	restart := func(k *kafka.Kafka) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		if err := k.Restart(ctx); err != nil {
			t.Fatal(err)
		}
	}
	for _, fault := range []struct {
		name      string
		who       func(context.Context) (*kafka.Kafka, error)
		harm, end func(*kafka.Kafka)
	}{
		{"leader killed", leader, (*kafka.Kafka).Kill, restart},
		{"controller killed", cluster.Controller, (*kafka.Kafka).Kill, restart},
		{"coordinator killed", coordinator, (*kafka.Kafka).Kill, restart},
		{"leader stopped", leader, (*kafka.Kafka).Pause, (*kafka.Kafka).Resume},
		{"controller stopped", cluster.Controller, (*kafka.Kafka).Pause, (*kafka.Kafka).Resume},
		{"coordinator stopped", coordinator, (*kafka.Kafka).Pause, (*kafka.Kafka).Resume},
	} {
		t.Run(fault.name, func(t *testing.T) {
			clocktest.Eventually(t, "all replicas are in sync", func() bool {
				inSync, err := cluster.InSync(t.Context(), event.Topic)
				probes, probeErr := cluster.InSync(t.Context(), probeTopic)
				return err == nil && probeErr == nil && inSync && probes
			})
			// A commit returns before its markers are written. A broker that freezes with one in flight holds back the
			// transactional id for the coordinator's request.timeout.ms, 30 s, whatever the client does.
			clocktest.Eventually(t, "the last transaction has its markers",
				func() bool { return transactionsAreComplete(t, admin) })
			node, err := fault.who(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			fault.harm(node)
			probed := make(chan time.Time, 1)
			go func() { probed <- clusterBack(t, cluster) }()
			place(60) // over all partitions
			clocktest.Within(t, 2*time.Minute, "publishing is back", func() bool { return backlog() == 0 })
			publishing, probe := time.Now(), <-probed
			t.Logf("the cluster was back after %.1f s, publishing after %.1f s", probe.Sub(began).Seconds(),
				publishing.Sub(began).Seconds())
			if late := publishing.Sub(probe); late > failoverBound {
				t.Errorf("publishing was back %s after the cluster", late.Round(100*time.Millisecond))
			}
			fault.end(node)
		})
	}
	clocktest.Eventually(t, "all are counted",
		func() bool { return stacktest.CountedLately(t, s.ActivityURL()) == int64(n) })
	if records := brokertest.ReadAll(t, cluster.Addr(), event.Topic); len(records) != n {
		t.Errorf("%d records in the topic, want %d", len(records), n)
	}
}

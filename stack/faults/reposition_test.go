package faults_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/rs/zerolog"

	"ordertally/activity/activityd"
	"ordertally/shared/clock"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka"
	"ordertally/shared/outbox"
	"ordertally/shared/service"
	apache "ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

// counter is an activity service that counts what a test publishes. The test damages the files of its Apache Kafka.
type counter struct {
	t       *testing.T
	cluster *apache.Kafka
	address string // of a broker that is not damaged; "" for that of cluster
	clock   clock.Clock
	dir     string
	*activityd.Service
}

func newCounter(t *testing.T) *counter {
	t.Helper()
	apache.Require(t)
	c := &counter{t: t, dir: t.TempDir()}
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	var err error
	if c.cluster, err = apache.Start(ctx, apache.Options{Dir: filepath.Join(c.dir, "kafka")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.cluster.Kill)
	t.Cleanup(c.stop)
	return c
}

func (c *counter) start() {
	c.t.Helper()
	var err error
	c.Service, err = activityd.New(activityd.Config{
		Config: service.Config{
			Listen: "127.0.0.1:0", OpsListen: "127.0.0.1:0", Data: filepath.Join(c.dir, "activity.db"),
			Kafka: []string{c.broker()},
		},
		Clock: c.clock,
	}, zerolog.Nop())
	if err != nil {
		c.t.Fatal(err)
	}
	if err := c.Start(c.t.Context()); err != nil {
		c.t.Fatal(err)
	}
}

func (c *counter) broker() string {
	if c.address != "" {
		return c.address
	}
	return c.cluster.Addr()
}

func (c *counter) stop() {
	if c.Service == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := c.Stop(ctx); err != nil {
		c.t.Error(err)
	}
	c.Service = nil
}

// publish writes the messages of these slots, ten per transaction, as an order service with that file does.
func (c *counter) publish(lineage string, from, to uint64) {
	c.t.Helper()
	publisher, err := kafka.NewPublisher(
		kafka.PublisherConfig{Brokers: []string{c.broker()}, Topic: event.Topic, Partitions: 2}, zerolog.Nop())
	if err != nil {
		c.t.Fatal(err)
	}
	var session outbox.Session
	clocktest.Eventually(c.t, "the topic can be written", func() bool { // it may be in the middle of being deleted
		session, err = publisher.Open(c.t.Context(), outbox.Identity{Lineage: lineage, MayCreate: true})
		return err == nil
	})
	defer session.Close()
	for first := from; first <= to; first += 10 {
		var records []outbox.Record
		for slot := first; slot < first+10 && slot <= to; slot++ {
			records = append(records, orderOf(lineage, slot))
		}
		if _, err := session.Publish(c.t.Context(), records,
			outbox.Watermark{Slot: records[len(records)-1].Slot}); err != nil {
			c.t.Fatal(err)
		}
	}
}

// orderOf is an order of 2010-12-01 about 100 pence.
func orderOf(lineage string, slot uint64) outbox.Record {
	at := time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC)
	id := fmt.Sprintf("%s-%d", lineage, slot)
	e := cloudevent.Envelope{
		ID: id, Source: event.Source, Type: event.TypeCreated, Subject: id, Time: at, DataSchema: event.SchemaCreated,
		ContentType: event.ContentType, Lineage: lineage, Sequence: slot, Previous: slot - 1,
	}
	value := event.Encode(&event.Order{
		ID: id, Currency: "GBP", Total: 100, PlacedAt: at, Lines: []event.Line{{SKU: "a", Quantity: 1, UnitPrice: 100}},
	})
	return outbox.Record{Slot: slot, Key: []byte(id), Value: value, Headers: e.Headers(), Time: time.Now()}
}

// counts expects exactly that many counted orders once nothing waits.
func (c *counter) counts(orders int64) {
	c.t.Helper()
	clocktest.Eventually(c.t, fmt.Sprint(orders, " orders are counted"), func() bool {
		return c.count() >= orders && stacktest.Lag(c.t, c.OpsAddr()) == 0
	})
	d := stacktest.Day(c.t, "http://"+c.Addr(), "2010-12-01", "UTC")
	if d.Count != orders || d.Revenue["GBP"] != 100*orders {
		c.t.Fatalf("counted %+v, want %d orders", d, orders)
	}
}

func (c *counter) count() int64 {
	c.t.Helper()
	return stacktest.Day(c.t, "http://"+c.Addr(), "2010-12-01", "UTC").Count
}

// says expects repositions for only that reason, in the metric and in readyz.
func (c *counter) says(reason kafka.Reason) {
	c.t.Helper()
	for _, r := range kafka.Reasons() {
		if moved := labelled(c.t, c.OpsAddr(), "activity_repositions_total", string(r)); (moved > 0) != (r == reason) {
			c.t.Errorf("%v repositions because of %s, and it should be for %q only", moved, r, reason)
		}
	}
	for _, name := range []string{event.TypeCreated, event.TypeCancelled} {
		incidents := stacktest.Text(c.t, "http://"+c.Addr()+"/v1/activities/"+name+"/incidents")
		if reason != "" && !strings.Contains(incidents, `"kind":"`+string(reason)+`"`) {
			c.t.Errorf("repositioned because of %q, and the incidents of %s are %s", reason, name, incidents)
		}
	}
	if ready := stacktest.Text(c.t, "http://"+c.OpsAddr()+"/readyz?verbose"); strings.Contains(ready,
		"[+]kafka ok (repositioned") != (reason != "") {
		c.t.Errorf("repositioned because of %q, and readyz says %s", reason, ready)
	}
}

func TestActivity_CountsATopicMadeAgainFromItsStart(t *testing.T) {
	for _, while := range []string{"running", "stopped"} {
		t.Run(while, func(t *testing.T) {
			c := newCounter(t)
			c.publish("a", 1, 50)
			c.start()
			c.counts(50)
			if while == "stopped" {
				c.stop()
			}
			c.admin(func(ctx context.Context, admin *confluent.AdminClient) error {
				results, err := admin.DeleteTopics(ctx, []string{event.Topic})
				return errors.Join(err, failed(results[0].Error))
			})
			c.publish("b", 1, 80)
			c.publish("a", 1, 50) // again, as a careful order service does
			if while == "stopped" {
				c.start()
			}
			c.counts(130)
			c.says(kafka.Recreated)
			c.stop()
			c.start()
			c.publish("b", 81, 82)
			c.counts(132)
			c.says("")
		})
	}
}

// TestActivity_CountsOnceALogThatLostItsEnd kills Apache Kafka and cuts its files, as a power cut would.
func TestActivity_CountsOnceALogThatLostItsEnd(t *testing.T) {
	for name, loss := range map[string]struct {
		keep    float64 // of the files
		refill  uint64  // messages that come then
		running bool    // the activity service is, all the while
	}{
		"the positions are beyond the end": {keep: 0.5, refill: 10, running: true},
		"the positions are in it again":    {keep: 0.5, refill: 100},
		"nothing is left":                  {keep: 0, refill: 100},
	} {
		t.Run(name, func(t *testing.T) {
			c := newCounter(t)
			c.publish("a", 1, 60)
			c.start()
			c.counts(60)
			if !loss.running {
				c.stop()
			}
			c.cut(loss.keep)
			c.publish("b", 1, loss.refill)
			c.publish("a", 31, 60) // what Kafka lost, and some that it did not
			if !loss.running {
				c.start()
			}
			c.counts(60 + int64(loss.refill))
			c.says(kafka.Truncated)
		})
	}
}

// cut keeps a part of each partition's newest segment, removes the traces of the rest, and starts the broker.
func (c *counter) cut(keep float64) {
	c.t.Helper()
	c.cluster.Kill()
	data := filepath.Join(c.dir, "kafka", "data")
	segments, err := filepath.Glob(filepath.Join(data, event.Topic+"-*", "*.log"))
	if err != nil || len(segments) != 2 {
		c.t.Fatal(segments, err)
	}
	for _, segment := range segments {
		info, err := os.Stat(segment)
		if err == nil {
			err = os.Truncate(segment, int64(float64(info.Size())*keep))
		}
		if err != nil {
			c.t.Fatal(err)
		}
	}
	for _, pattern := range []string{"*-checkpoint", event.Topic + "-*/*.index", event.Topic + "-*/*.timeindex",
		event.Topic + "-*/*.snapshot"} {
		files, err := filepath.Glob(filepath.Join(data, pattern))
		if err != nil || len(files) == 0 && pattern == "*-checkpoint" {
			c.t.Fatal(pattern, files, err)
		}
		for _, file := range files {
			if err := os.Remove(file); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), 2*time.Minute)
	defer cancel()
	if err := c.cluster.Restart(ctx); err != nil {
		c.t.Fatal(err)
	}
}

func TestActivity_ReportsDeletedRecordsAndGoesOn(t *testing.T) {
	c := newCounter(t)
	c.publish("a", 1, 50)
	c.start()
	c.counts(50)
	c.stop()
	c.publish("a", 51, 90)
	c.admin(func(ctx context.Context, admin *confluent.AdminClient) error {
		topic := event.Topic
		results, err := admin.DeleteRecords(ctx, []confluent.TopicPartition{
			{Topic: &topic, Partition: 0, Offset: confluent.OffsetEnd},
			{Topic: &topic, Partition: 1, Offset: confluent.OffsetEnd},
		})
		if err == nil {
			err = errors.Join(results.DeleteRecordsResults[0].TopicPartition.Error,
				results.DeleteRecordsResults[1].TopicPartition.Error)
		}
		return err
	})
	c.start()
	clocktest.Eventually(t, "the gap is reported, once for all activities of the topic", func() bool {
		return labelled(t, c.OpsAddr(), "activity_repositions_total", string(kafka.Expired)) == 1
	})
	c.publish("a", 91, 100)
	c.counts(60)
	c.says(kafka.Expired)
}

// TestActivity_AnOutageIsNoReposition checks that nothing is read again when nothing was lost.
func TestActivity_AnOutageIsNoReposition(t *testing.T) {
	c := newCounter(t)
	c.publish("a", 1, 50)
	c.start()
	c.counts(50)
	for i := range uint64(3) {
		c.cluster.Kill()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		if err := c.cluster.Restart(ctx); err != nil {
			t.Fatal(err)
		}
		c.publish("a", 51+i, 51+i)
		c.counts(51 + int64(i))
	}
	c.says("")
	if again := stacktest.Metric(t, c.OpsAddr(), "activity_duplicates_total"); again != 0 {
		t.Errorf("%v messages were read twice", again)
	}
}

func (c *counter) admin(do func(context.Context, *confluent.AdminClient) error) {
	c.t.Helper()
	admin, err := confluent.NewAdminClient(&confluent.ConfigMap{"bootstrap.servers": c.cluster.Addr()})
	if err != nil {
		c.t.Fatal(err)
	}
	defer admin.Close()
	if err := do(c.t.Context(), admin); err != nil {
		c.t.Fatal(err)
	}
}

// failed returns nil if an admin request's part succeeded.
func failed(err confluent.Error) error {
	if err.Code() == confluent.ErrNoError {
		return nil
	}
	return err
}

// labelled returns one series of a counter, by the value of its only label.
func labelled(t *testing.T, ops, name, label string) float64 {
	t.Helper()
	for line := range strings.Lines(stacktest.Text(t, "http://"+ops+"/metrics")) {
		var value float64
		if rest, found := strings.CutPrefix(line, name+"{"); found && strings.Contains(rest, `"`+label+`"`) {
			if _, err := fmt.Sscan(rest[strings.Index(rest, "}")+1:], &value); err != nil {
				t.Fatal(line, err)
			}
			return value
		}
	}
	t.Fatalf("no series %s of %s", label, name)
	return 0
}

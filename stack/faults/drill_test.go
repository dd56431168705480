//go:build crash

package faults_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka/brokertest"
	apache "ordertally/stack/kafka"
	"ordertally/stack/stacktest"
)

// drillZones are the zones in which the figures of every day are compared.
var drillZones = []string{"UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"}

// topicPartitions is the number of partitions that the service gives to a new topic.
const topicPartitions = 6

// drill is one disaster under load: two services, a topic of their own, and what the clients know.
type drill struct {
	*testing.T
	random *rand.Rand
	broker string
	topic  string
	load   *drillLoad

	orderData, activityData string
	orderArgs               []string
	order, activity         *stacktest.Program
}

// begin starts both services.
func (d *drill) begin() {
	dir := d.TempDir()
	d.orderData, d.activityData = filepath.Join(dir, "order.db"), filepath.Join(dir, "activity.db")
	d.load = newDrillLoad(d, d.random)
	d.serveOrder()
	d.serveActivity()
}

func (d *drill) serveOrder() {
	d.Helper()
	d.order = stacktest.Serve(d, stacktest.Serving{
		Program: stacktest.OrderProgram(d), Data: d.orderData, Kafka: d.broker,
		Args: append([]string{"--topic", d.topic}, d.orderArgs...),
	})
	url := d.order.URL()
	d.load.url.Store(&url)
}

func (d *drill) serveActivity() {
	d.Helper()
	d.activity = stacktest.Serve(d, stacktest.Serving{
		Program: stacktest.ActivityProgram(d), Data: d.activityData, Kafka: d.broker,
		Args: []string{"--topic", d.topic},
	})
}

// aMoment lets the load run for a random time.
func (d *drill) aMoment() {
	<-time.After(time.Second + time.Duration(d.random.Int64N(int64(time.Second))))
}

// run runs a verb that must succeed.
func (d *drill) run(program string, args ...string) string {
	d.Helper()
	said, code := stacktest.Command(d, nil, program, args...)
	if code != 0 {
		d.Fatalf("%s %s: exit code %d: %s", filepath.Base(program), strings.Join(args, " "), code, said)
	}
	return said
}

// loseOrder kills the order service and takes its file away. It returns where the file is now.
func (d *drill) loseOrder() (old string) {
	d.Helper()
	d.order.Kill()
	old = d.orderData + ".old"
	if err := os.Rename(d.orderData, old); err != nil {
		d.Fatal(err)
	}
	return old
}

// restoreOrder makes the order service's file anew and starts the service on it.
func (d *drill) restoreOrder(base string) {
	d.Helper()
	args := []string{"restore", "--data", d.orderData, "--from-topic", "--kafka", d.broker, "--topic", d.topic}
	if base != "" {
		args = append(args, "--base", base)
	}
	d.Log(d.run(d.order.Path, args...))
	d.serveOrder()
}

// loseActivity kills the activity service and deletes its file.
func (d *drill) loseActivity() {
	d.Helper()
	d.activity.Kill()
	if err := os.Remove(d.activityData); err != nil {
		d.Fatal(err)
	}
}

// published returns the ids of the orders whose messages stand in the topic.
func (d *drill) published() map[string]bool {
	d.Helper()
	ids := map[string]bool{}
	for _, r := range brokertest.ReadAll(d, d.broker, d.topic) {
		envelope, err := cloudevent.Parse(r.Headers)
		if err != nil {
			d.Fatal(err)
		}
		ids[envelope.Subject] = true
	}
	return ids
}

// caughtUp waits until everything is published and counted.
func (d *drill) caughtUp() {
	d.Helper()
	clocktest.Within(d, 2*time.Minute, "everything is published and counted", func() bool {
		return stacktest.Metric(d, d.order.Ops, "order_outbox_backlog_messages") == 0 &&
			stacktest.Lag(d, d.activity.Ops) == 0
	})
}

// settle sends every key once more and checks all that can be seen from outside: each key has one order, and the
// figures of all days in four zones are those of the keys. It returns the acknowledged orders that are gone.
func (d *drill) settle() (missing []string) {
	d.Helper()
	d.load.finish()
	d.caughtUp()
	type day struct{ zone, date string }
	want := map[day]stacktest.Figures{}
	for _, k := range d.load.keys {
		for _, zone := range drillZones {
			location, err := time.LoadLocation(zone)
			if err != nil {
				d.Fatal(err)
			}
			at := day{zone, k.placedAt.In(location).Format(time.DateOnly)}
			f := want[at]
			f.Count++
			if f.Revenue == nil {
				f.Revenue = map[string]int64{}
			}
			f.Revenue["EUR"] += k.total
			want[at] = f
		}
	}
	// The lag is of the last time that activity asked Kafka, so more may have been published since.
	clocktest.Within(d, 2*time.Minute, "every key is counted", func() bool {
		counted := int64(0)
		for at := range want {
			if at.zone == "UTC" {
				counted += stacktest.Day(d, d.activity.URL(), at.date, at.zone).Count
			}
		}
		return counted >= int64(len(d.load.keys))
	})
	for at, w := range want {
		got := stacktest.Day(d, d.activity.URL(), at.date, at.zone)
		if got.Count != w.Count || got.Revenue["EUR"] != w.Revenue["EUR"] {
			d.Errorf("%s in %s: %d orders, %d; want %d, %d", at.date, at.zone, got.Count, got.Revenue["EUR"], w.Count,
				w.Revenue["EUR"])
		}
	}
	d.Log(d.run(d.activity.Path, "verify", "--orders", d.order.URL(), "--target", d.activity.URL()))
	return d.load.missing()
}

// keepsWhatIn fails if an acknowledged order is gone that was in the set.
func (d *drill) keepsWhatIn(missing []string, kept map[string]bool, what string) {
	d.Helper()
	for _, id := range missing {
		if kept[id] {
			d.Errorf("order %s is gone, and was %s", id, what)
		}
	}
	d.Logf("%d keys, %d acknowledged orders are gone", len(d.load.keys), len(missing))
}

func (d *drill) keepsAll(missing []string) {
	d.Helper()
	if len(missing) > 0 {
		d.Errorf("%d acknowledged orders are gone, such as %s", len(missing), missing[0])
	}
	d.Logf("%d keys, none of their orders is gone", len(d.load.keys))
}

// forgetHalf deletes the first half of each of the topic's partitions.
func (d *drill) forgetHalf() {
	d.Helper()
	admin, err := confluent.NewAdminClient(&confluent.ConfigMap{"bootstrap.servers": d.broker})
	if err != nil {
		d.Fatal(err)
	}
	defer admin.Close()
	ends := map[int32]int64{}
	for _, r := range brokertest.ReadAll(d, d.broker, d.topic) {
		ends[r.Partition] = r.Offset
	}
	var halves []confluent.TopicPartition
	for partition, end := range ends {
		halves = append(halves, confluent.TopicPartition{
			Topic: &d.topic, Partition: partition, Offset: confluent.Offset(end / 2),
		})
	}
	result, err := admin.DeleteRecords(d.Context(), halves)
	for _, one := range result.DeleteRecordsResults {
		err = errors.Join(err, one.TopicPartition.Error)
	}
	if err != nil {
		d.Fatal(err)
	}
}

// backup makes a backup of a running service.
func (d *drill) backup(p *stacktest.Program) (file string) {
	d.Helper()
	file = filepath.Join(d.TempDir(), filepath.Base(p.Path)+".backup")
	d.run(p.Path, "backup", file, "--target", p.URL())
	return file
}

// disasters are the drills that share one broker.
var disasters = []struct {
	name      string
	orderArgs []string
	run       func(d *drill)
}{
	{name: "order's disk is lost", run: func(d *drill) {
		var published map[string]bool
		d.load.during(func() {
			d.aMoment()
			d.loseOrder()
			published = d.published()
			d.restoreOrder("")
			d.aMoment()
		})
		d.keepsWhatIn(d.settle(), published, "published")
	}},
	{name: "order's disk is lost, with a backup", run: func(d *drill) {
		var published map[string]bool
		d.load.during(func() {
			d.aMoment()
			base := d.backup(d.order)
			d.aMoment()
			d.loseOrder()
			published = d.published()
			d.restoreOrder(base)
			d.aMoment()
		})
		d.keepsWhatIn(d.settle(), published, "published")
	}},
	{name: "order's disk is lost, with --ack kafka", orderArgs: []string{"--ack", "kafka", "--ack-else", "refuse"},
		run: func(d *drill) {
			d.load.during(func() {
				d.aMoment()
				d.loseOrder()
				d.restoreOrder("")
				d.aMoment()
			})
			d.keepsAll(d.settle())
		}},
	{name: "order's disk is found again", run: func(d *drill) {
		d.load.during(func() {
			d.aMoment()
			old := d.loseOrder()
			d.restoreOrder("")
			d.aMoment()
			d.Log(d.run(d.order.Path, "handover", "--data", old, "--target", d.order.URL()))
			d.aMoment()
		})
		d.keepsAll(d.settle())
	}},
	{name: "activity's disk is lost", run: func(d *drill) {
		d.load.during(func() {
			d.aMoment()
			d.loseActivity()
			d.serveActivity()
			d.aMoment()
		})
		d.keepsAll(d.settle())
	}},
	{name: "activity's disk is lost, and half of the topic", run: func(d *drill) {
		d.load.during(func() {
			d.aMoment()
			d.loseActivity()
			d.forgetHalf()
			d.serveActivity()
			d.aMoment()
		})
		d.caughtUp()
		d.Log(d.run(d.order.Path, "republish", "--target", d.order.URL(),
			"--placed-from", time.Now().UTC().AddDate(0, 0, -4).Format(time.RFC3339),
			"--placed-to", time.Now().UTC().Add(time.Minute).Format(time.RFC3339)))
		d.keepsAll(d.settle())
	}},
	{name: "both disks are lost, with backups", run: func(d *drill) {
		var published map[string]bool
		d.load.during(func() {
			d.aMoment()
			orders, statistics := d.backup(d.order), d.backup(d.activity)
			d.aMoment()
			d.loseOrder()
			d.loseActivity()
			published = d.published()
			d.Log(d.run(d.activity.Path, "restore", "--data", d.activityData, "--base", statistics))
			d.serveActivity()
			d.restoreOrder(orders)
			d.aMoment()
		})
		d.keepsWhatIn(d.settle(), published, "published")
	}},
}

// TestDrills_LoseNoPublishedOrderAndCountEachOnce runs every disaster under load, at a random moment.
//
// ORDERTALLY_DRILLS is the number of rounds of each, 2 unless set. ORDERTALLY_SEED repeats the choices of an earlier
// run.
func TestDrills_LoseNoPublishedOrderAndCountEachOnce(t *testing.T) {
	rounds, seed := drillRounds(t)
	cluster := apache.ForTest(t)
	for i, disaster := range disasters {
		t.Run(disaster.name, func(t *testing.T) {
			for round := 1; round <= rounds; round++ {
				t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
					d := &drill{
						T: t, broker: cluster.Addr(), orderArgs: disaster.orderArgs,
						random: rand.New(rand.NewPCG(seed, uint64(100*i+round))),
						topic:  fmt.Sprintf("drill-%d-%d", i, round),
					}
					d.begin()
					disaster.run(d)
					d.end()
				})
			}
		})
	}
}

// TestDrills_KafkaPublishesAgainWhatItLost takes all of Kafka's data away under load.
func TestDrills_KafkaPublishesAgainWhatItLost(t *testing.T) {
	rounds, seed := drillRounds(t)
	apache.Require(t)
	for round := 1; round <= rounds; round++ {
		t.Run(fmt.Sprint("round ", round), func(t *testing.T) {
			dir := t.TempDir()
			cluster, err := apache.Start(t.Context(), apache.Options{Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(cluster.Kill)
			empty := filepath.Join(t.TempDir(), "empty")
			data := filepath.Join(dir, "data")
			if err := cluster.Stop(); err != nil {
				t.Fatal(err)
			}
			if err := os.CopyFS(empty, os.DirFS(data)); err != nil {
				t.Fatal(err)
			}
			if err := cluster.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			d := &drill{
				T: t, broker: cluster.Addr(), random: rand.New(rand.NewPCG(seed, uint64(round))), topic: "drill",
			}
			d.begin()
			d.load.during(func() {
				d.aMoment()
				cluster.Kill()
				if err := errors.Join(os.RemoveAll(data), os.CopyFS(data, os.DirFS(empty))); err != nil {
					t.Fatal(err)
				}
				if err := cluster.Restart(t.Context()); err != nil {
					t.Fatal(err)
				}
				// The service creates no topic where it has published before: its address may be wrong.
				brokertest.Create(t, cluster.Addr(), d.topic, topicPartitions)
				d.aMoment()
			})
			d.keepsAll(d.settle())
			d.end()
		})
	}
}

// end stops the services, so that they do not load the machine in the next round.
func (d *drill) end() {
	d.order.Kill()
	d.activity.Kill()
}

func drillRounds(t *testing.T) (rounds int, seed uint64) {
	t.Helper()
	rounds, seed = int(number(t, "ORDERTALLY_DRILLS", 2)), number(t, "ORDERTALLY_SEED", uint64(time.Now().UnixNano()))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("again: ORDERTALLY_SEED=%d ORDERTALLY_DRILLS=%d make faults", seed, rounds)
		}
	})
	return rounds, seed
}

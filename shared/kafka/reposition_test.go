package kafka_test

import (
	"context"
	"fmt"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/rs/zerolog"

	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/outbox"
)

// log is a topic with one partition, on a broker that a test stops. The test can start the broker with what it kept at
// an earlier time.
type log struct {
	t    *testing.T
	dev  *devbroker.Broker
	dir  string
	addr string
}

func newLog(t *testing.T) *log {
	t.Helper()
	l := &log{t: t, dir: t.TempDir(), addr: "127.0.0.1:0"}
	l.start()
	l.addr = l.dev.Addr()
	t.Cleanup(l.stop)
	return l
}

func (l *log) start() {
	l.t.Helper()
	var err error
	if l.dev, err = devbroker.Start(devbroker.Config{DataDir: l.dir, Listen: l.addr}); err != nil {
		l.t.Fatal(err)
	}
}

func (l *log) stop() {
	if err := l.dev.Stop(); err != nil {
		l.t.Error(err)
	}
}

// snapshot returns a copy of what the broker keeps now.
func (l *log) snapshot() (dir string) {
	l.t.Helper()
	l.stop()
	dir = l.t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(l.dir)); err != nil {
		l.t.Fatal(err)
	}
	l.start()
	return dir
}

// powerCut restarts the broker with what it kept at the time of a snapshot.
func (l *log) powerCut(snapshot string) {
	l.t.Helper()
	l.stop()
	l.dir = snapshot
	l.start()
}

// publish writes records with these slots. Each takes one offset, and its transaction's marker takes another.
func (l *log) publish(lineage string, from, to uint64) {
	l.t.Helper()
	publisher, err := kafka.NewPublisher(
		kafka.PublisherConfig{Brokers: []string{l.addr}, Topic: "orders", Partitions: 1}, zerolog.Nop())
	if err != nil {
		l.t.Fatal(err)
	}
	session, err := publisher.Open(l.t.Context(), outbox.Identity{Lineage: lineage, MayCreate: true})
	if err != nil {
		l.t.Fatal(err)
	}
	defer session.Close()
	for slot := from; slot <= to; slot++ {
		e := cloudevent.Envelope{ID: fmt.Sprint(lineage, slot), Source: "/s", Type: "T", Lineage: lineage,
			Sequence: slot, Previous: slot - 1}
		records := []outbox.Record{{Slot: slot, Key: fmt.Append(nil, lineage, slot), Value: []byte("v"),
			Headers: e.Headers(), Time: time.Now()}}
		if _, err := session.Publish(l.t.Context(), records, outbox.Watermark{Slot: slot}); err != nil {
			l.t.Fatal(err)
		}
	}
}

func (l *log) admin() *confluent.AdminClient {
	l.t.Helper()
	admin, err := confluent.NewAdminClient(
		&confluent.ConfigMap{"bootstrap.servers": l.addr, "enable.metrics.push": false})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(admin.Close)
	return admin
}

// recreate deletes the topic. The next publish creates it again.
func (l *log) recreate() {
	l.t.Helper()
	results, err := l.admin().DeleteTopics(l.t.Context(), []string{"orders"})
	if err != nil || results[0].Error.Code() != confluent.ErrNoError {
		l.t.Fatal(results, err)
	}
}

func (l *log) deleteBefore(offset int64) {
	l.t.Helper()
	topic := "orders"
	results, err := l.admin().DeleteRecords(l.t.Context(),
		[]confluent.TopicPartition{{Topic: &topic, Offset: confluent.Offset(offset)}})
	if err != nil || results.DeleteRecordsResults[0].TopicPartition.Error != nil {
		l.t.Fatal(results, err)
	}
}

// reader fetches from a consumer and follows its repositions.
type reader struct {
	t    *testing.T
	c    *kafka.Consumer
	next map[int32]kafka.Position
}

func (l *log) read(next map[int32]kafka.Position) *reader {
	l.t.Helper()
	r := &reader{t: l.t, c: consumer(l.t, l.addr, "orders"), next: next}
	if err := r.c.Assign(l.t.Context(), next); err != nil {
		l.t.Fatal(err)
	}
	return r
}

// until fetches until key comes. It returns all keys and repositions up to there.
func (r *reader) until(key string) (keys []string, moved []kafka.Reposition) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	for len(keys) == 0 || keys[len(keys)-1] != key {
		f, err := r.c.Fetch(ctx, 100)
		if err != nil {
			r.t.Fatalf("waiting for %s after %v and %v: %v", key, keys, moved, err)
		}
		for _, record := range f.Records {
			keys = append(keys, string(record.Key))
		}
		moved = append(moved, f.Repositions...)
		if len(f.Next) > 0 {
			r.next = f.Next
		}
	}
	return keys, moved
}

// follows checks that exactly the records of these keys come next.
func (r *reader) follows(keys ...string) {
	r.t.Helper()
	if got, moved := r.until(keys[len(keys)-1]); !slices.Equal(got, keys) || len(moved) > 0 {
		r.t.Fatalf("read %v after %+v; want %v", got, moved, keys)
	}
}

// goesBack checks that one reposition comes, to from, and then the records that stand in the log from there. Records
// stand at every second offset from 0 on.
func (r *reader) goesBack(reason kafka.Reason, from int64, stands ...string) {
	r.t.Helper()
	keys, moved := r.until(stands[len(stands)-1])
	if len(moved) != 1 || moved[0].Reason != reason || moved[0].From != from || moved[0].To >= from {
		r.t.Fatalf("repositioned %+v, want once from %d, %s", moved, from, reason)
	}
	if want := stands[(moved[0].To+1)/2:]; !slices.Equal(keys, want) {
		r.t.Fatalf("after %+v it read %v, want %v", moved, keys, want)
	}
}

// slots returns the keys of the records with these slots.
func slots(lineage string, from, to int) (keys []string) {
	for slot := from; slot <= to; slot++ {
		keys = append(keys, fmt.Sprint(lineage, slot))
	}
	return keys
}

func TestReading_GoesOnAfterAnOutageWithoutLoss(t *testing.T) {
	l := newLog(t)
	l.publish("a", 1, 5)
	r := l.read(nil)
	r.follows(slots("a", 1, 5)...)
	for slot := uint64(6); slot < 9; slot++ {
		l.stop()
		l.start()
		l.publish("a", slot, slot)
		r.follows(fmt.Sprint("a", slot))
	}
	r = l.read(r.next)
	l.publish("a", 9, 9)
	r.follows("a9")
}

func TestReading_GoesBackWhenTheLogLostItsEnd(t *testing.T) {
	for _, while := range []string{"reading", "stopped"} {
		t.Run(while, func(t *testing.T) {
			l := newLog(t)
			l.publish("a", 1, 5)
			early := l.snapshot()
			l.publish("a", 6, 9)
			r := l.read(nil)
			r.follows(slots("a", 1, 9)...)
			l.powerCut(early)
			if while == "stopped" {
				r = l.read(r.next)
			}
			l.publish("b", 1, 2) // below the position
			r.goesBack(kafka.Truncated, 17, append(slots("a", 1, 5), "b1", "b2")...)
			l.publish("b", 3, 3)
			r.follows("b3")
		})
	}
}

// The reader sees the log only after it has grown past the reader's position again.
func TestReading_GoesBackWhenTheLogWasFilledAgain(t *testing.T) {
	for _, while := range []string{"reading", "stopped"} {
		t.Run(while, func(t *testing.T) {
			l := newLog(t)
			l.publish("a", 1, 5)
			early := l.snapshot()
			l.publish("a", 6, 9)
			r := l.read(nil)
			r.follows(slots("a", 1, 9)...)
			known := l.addr
			l.addr = "127.0.0.1:0"
			l.powerCut(early)
			l.addr = l.dev.Addr()
			l.publish("b", 1, 20)
			if while == "stopped" {
				r = l.read(r.next)
			} else {
				l.addr = known
				l.powerCut(early)
			}
			r.goesBack(kafka.Truncated, 17, append(slots("a", 1, 5), slots("b", 1, 20)...)...)
		})
	}
}

func TestReading_StartsAgainWhenTheTopicWasRecreated(t *testing.T) {
	for _, while := range []string{"reading", "stopped"} {
		t.Run(while, func(t *testing.T) {
			l := newLog(t)
			l.publish("a", 1, 9)
			r := l.read(nil)
			r.follows(slots("a", 1, 9)...)
			l.recreate()
			l.publish("b", 1, 20)
			if while == "stopped" {
				r = l.read(r.next)
			}
			keys, moved := r.until("b20")
			for i, key := range keys { // until it notices, it may read on where the other topic ended
				if key == "b1" {
					keys = keys[i:]
				}
			}
			if want := slots("b", 1, 20); !slices.Equal(keys, want) || len(moved) != 1 ||
				moved[0].Reason != kafka.Recreated || moved[0].To != 0 {
				t.Fatalf("read %v after %+v, want %v", keys, moved, want)
			}
		})
	}
}

func TestReading_ReportsDeletedRecords(t *testing.T) {
	l := newLog(t)
	l.publish("a", 1, 4)
	r := l.read(nil)
	r.follows(slots("a", 1, 4)...)
	l.deleteBefore(8) // all that was read
	l.publish("a", 5, 5)
	r.follows("a5")
	before := r.next
	l.publish("a", 6, 9)
	l.deleteBefore(14) // a6 and a7 too
	r = l.read(before)
	keys, moved := r.until("a9")
	want := []kafka.Reposition{{Reason: kafka.Expired, From: 9, To: 14}}
	if !slices.Equal(keys, slots("a", 8, 9)) || !reflect.DeepEqual(moved, want) {
		t.Fatalf("read %v after %+v, want a8 and a9 after %+v", keys, moved, want)
	}
}

// A file from before there were checkpoints has none. Neither has a partition of which nothing was read yet.
func TestReading_GoesOnWithoutCheckpoints(t *testing.T) {
	l := newLog(t)
	l.publish("a", 1, 9) // offsets 0 to 17
	l.read(map[int32]kafka.Position{0: {Offset: 4}}).follows(slots("a", 3, 9)...)
	l.read(map[int32]kafka.Position{0: {Offset: 100}}).goesBack(kafka.Truncated, 100, slots("a", 1, 9)...)
}

// The consumer goes back no further than it must.
func TestReading_FindsTheNewestCheckpointThatMatches(t *testing.T) {
	l := newLog(t)
	l.publish("a", 1, 3)
	r := l.read(nil)
	r.follows(slots("a", 1, 3)...)
	checkpoints := r.next[0].Checkpoints
	early := l.snapshot()
	l.publish("a", 4, 9)
	l.read(r.next).follows(slots("a", 4, 9)...)
	l.powerCut(early)
	l.publish("b", 1, 20)
	lost := kafka.Position{Offset: 17, LeaderEpoch: -1, TopicID: r.next[0].TopicID,
		Checkpoints: append([]kafka.Checkpoint{
			{Offset: 100, Identity: "beyond the end"}, {Offset: 16, Identity: "another record"},
			{Offset: 7, Identity: "a marker"},
		}, checkpoints...)}
	r = l.read(map[int32]kafka.Position{0: lost})
	keys, moved := r.until("b20")
	want := []kafka.Reposition{{Reason: kafka.Truncated, From: 17, To: 5}}
	if !slices.Equal(keys, slots("b", 1, 20)) || !reflect.DeepEqual(moved, want) {
		t.Fatalf("read %v after %+v, want b1 to b20 after %+v", keys, moved, want)
	}
	if again := r.next[0].Checkpoints; again[len(again)-1] != checkpoints[len(checkpoints)-1] {
		t.Errorf("the checkpoints are %+v, and the last of %+v is missing", again, checkpoints)
	}
}

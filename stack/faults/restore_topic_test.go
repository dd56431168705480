package faults_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/stack/stacktest"
)

// lossy is an order service on a development broker, whose file gets lost.
type lossy struct {
	t                      *testing.T
	address, program, data string
	service                *stacktest.Program
}

func newLossy(t *testing.T) *lossy {
	t.Helper()
	return &lossy{t: t, address: devbrokertest.Start(t, devbroker.Config{}).Addr(), program: stacktest.OrderProgram(t),
		data: filepath.Join(t.TempDir(), "order.db")}
}

func (l *lossy) serve(kafka string) {
	l.t.Helper()
	l.service = stacktest.Serve(l.t, stacktest.Serving{Program: l.program, Data: l.data, Kafka: kafka})
}

// place places n orders, a multiple of 8.
func (l *lossy) place(name string, n int) *shopping {
	l.t.Helper()
	load := &shopping{name: name}
	load.run(l.service.URL(), n, nil)
	if len(load.sales) != n {
		l.t.Fatalf("%d orders were placed, want %d", len(load.sales), n)
	}
	return load
}

// lose kills the service and deletes its file.
func (l *lossy) lose() {
	l.t.Helper()
	l.service.Kill()
	if err := os.Remove(l.data); err != nil {
		l.t.Fatal(err)
	}
}

// keep stops the service and copies its file.
func (l *lossy) keep() (base string) {
	l.t.Helper()
	l.service.Ends(syscall.SIGTERM, 20*time.Second)
	base = l.data + ".base"
	copyFile(l.t, l.data, base)
	return base
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// goesOn serves the restored file, checks what loads were answered, and that nothing is published again.
func (l *lossy) goesOn(loads ...*shopping) {
	l.t.Helper()
	created, cancelled, before := inTopic(l.t, l.address)
	l.serve(l.address)
	for _, load := range loads {
		load.answers(l.t, l.service.URL(), created, cancelled)
	}
	more := l.place(fmt.Sprint("more-", before), 16)
	published(l.t, l.service)
	added := 16
	for _, next := range more.sales {
		if next.Cancelled {
			added++
		}
	}
	if _, _, after := inTopic(l.t, l.address); after != before+added {
		l.t.Errorf("%d records came, want %d", after-before, added)
	}
	l.service.Kill()
	sound(l.t, l.data)
}

// refused runs order restore, which must fail and leave nothing.
func (l *lossy) refused(why string, args ...string) {
	l.t.Helper()
	data := filepath.Join(l.t.TempDir(), "new.db")
	said, code := stacktest.Command(l.t, nil, l.program,
		append([]string{"restore", "--data", data, "--kafka", l.address, "--from-topic"}, args...)...)
	if code != 1 || !strings.Contains(said, why) {
		l.t.Errorf("%v: exit code %d, want 1 and %q: %s", args, code, why, said)
	}
	if left, err := filepath.Glob(data + "*"); err != nil || len(left) > 0 {
		l.t.Errorf("%v left %v, %v", args, left, err)
	}
}

// TestRestore_JoinsABaseAndTheTopic begins with a base that has unpublished messages, which the topic has by now.
func TestRestore_JoinsABaseAndTheTopic(t *testing.T) {
	l := newLossy(t)
	l.serve(l.address)
	first := l.place("first", 40)
	published(t, l.service)
	l.service.Ends(syscall.SIGTERM, 20*time.Second)
	l.serve(stacktest.Nowhere)
	second := l.place("second", 40)
	base := l.keep()
	l.serve(l.address)
	third := l.place("third", 40)
	published(t, l.service)
	l.lose()
	said := restored(t, l.data, l.address, "--from-topic", "--base", base)
	if !strings.Contains(said, "80 of them orders") || !strings.Contains(said, "from the topic: 40 orders") ||
		strings.Contains(strings.ToLower(said), "missing") || strings.Contains(said, "API keys") {
		t.Error(said)
	}
	l.goesOn(first, second, third)
}

// TestRestore_ABackupAloneIsMadeReady also shows that a backup with nothing newer in the topic goes on.
func TestRestore_ABackupAloneIsMadeReady(t *testing.T) {
	l := newLossy(t)
	l.serve(l.address)
	load := l.place("load", 40)
	published(t, l.service)
	backup := filepath.Join(t.TempDir(), "order.backup")
	l.service.Ends(syscall.SIGTERM, 20*time.Second)
	if said, code := stacktest.Command(t, nil, l.program, "backup", backup, "--data", l.data); code != 0 {
		t.Fatal(said)
	}
	if err := os.Remove(l.data); err != nil {
		t.Fatal(err)
	}
	said := restored(t, l.data, l.address, "--base", backup)
	if !strings.Contains(said, "The topic was not read") {
		t.Error(said)
	}
	l.goesOn(load)
}

// TestRestore_TakesWhatADamagedBaseStillHas flips bits of a base, many times.
func TestRestore_TakesWhatADamagedBaseStillHas(t *testing.T) {
	l := newLossy(t)
	l.serve(l.address)
	first := l.place("first", 160)
	published(t, l.service)
	base := l.keep()
	l.serve(l.address)
	second := l.place("second", 40)
	published(t, l.service)
	l.lose()
	whole, err := os.ReadFile(base)
	if err != nil {
		t.Fatal(err)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	damaged := 0
	for round := range 12 {
		flipped := append([]byte(nil), whole...)
		for range 1 + round*2 {
			at := 2*4096 + random.IntN(len(flipped)-2*4096) // a file without its first pages is not readable at all
			flipped[at] ^= 1 << random.IntN(8)
		}
		if err := os.WriteFile(base, flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		data := fmt.Sprintf("%s.%d", l.data, round)
		// Alone, a damaged base may lack messages. order check names the slots that are missing.
		alone, code := stacktest.Command(t, nil, l.program, "restore", "--data", data+".alone", "--base", base)
		if code == 1 && strings.Contains(alone, "nothing in the base") { // a bit of its first page of records
			l.refused("nothing in the base", "--base", base)
			continue
		}
		if code != 0 {
			t.Errorf("from the base alone: exit code %d: %s", code, alone)
		}
		said := restored(t, data, l.address, "--from-topic", "--base", base)
		if strings.Contains(said, "not readable") {
			damaged++
		}
		if strings.Contains(said, "not readable") != strings.Contains(alone, "not readable") {
			t.Errorf("%s\n%s", said, alone)
		}
		if round%6 != 5 {
			continue
		}
		service := stacktest.Serve(t, stacktest.Serving{Program: l.program, Data: data})
		created, cancelled, _ := inTopic(t, l.address)
		if n := first.answers(t, service.URL(), created, cancelled) +
			second.answers(t, service.URL(), created, cancelled); n != 200 {
			t.Errorf("%d orders are known, want 200", n)
		}
		service.Kill()
	}
	if damaged == 0 {
		t.Error("no base was damaged: the test shows nothing")
	}
}

func TestRestore_NamesTheLineagesOfATopic(t *testing.T) {
	l := newLossy(t)
	l.serve(l.address)
	load := l.place("load", 40)
	published(t, l.service)
	var report struct{ Lineage string }
	stacktest.GetJSON(t, l.service.URL()+"/v1/outbox", &report)
	other := stacktest.Serve(t, stacktest.Serving{Program: l.program, Kafka: l.address})
	(&shopping{name: "other"}).run(other.URL(), 16, nil)
	published(t, other)
	l.refused("several lineages")
	l.refused(report.Lineage + "  48 messages, from 2")
	l.refused("has no orders of lineage 00ff", "--lineage", "00ff")
	l.refused("does not exist", "--topic", "another")
	base := l.keep()
	l.refused("has lineage "+report.Lineage+", not 00ff", "--lineage", "00ff", "--base", base)
	said, code := stacktest.Command(t, nil, l.program, "restore", "--from-topic", "--data", l.data, "--kafka",
		l.address)
	if code != 1 || !strings.Contains(said, "file already exists") {
		t.Errorf("%d: %s", code, said)
	}
	l.lose()
	said = restored(t, l.data, l.address, "--from-topic", "--lineage", report.Lineage)
	if !strings.Contains(said, "40 orders, 8 cancellations") || !strings.Contains(said, "left alone: lineage ") {
		t.Error(said)
	}
	l.goesOn(load)
}

// TestRestore_PassesOverWhatIsNoMessageOfTheLineage has records of other programs, an aborted transaction, and records
// that bear the lineage and are none of its messages.
func TestRestore_PassesOverWhatIsNoMessageOfTheLineage(t *testing.T) {
	l := newLossy(t)
	l.serve(l.address)
	load := l.place("load", 40)
	published(t, l.service)
	l.lose()
	brokertest.Hang(t, l.address, event.Topic)(false)
	var genuine []confluent.Header
	for _, h := range brokertest.ReadAll(t, l.address, event.Topic)[0].Headers {
		genuine = append(genuine, confluent.Header(h))
	}
	send(t, l.address, "", nil, "no message")
	send(t, l.address, "", genuine, "no JSON")
	var another []confluent.Header
	for _, h := range genuine {
		if h.Key == cloudevent.HeaderID {
			h.Value = []byte("01a21f4d-f301-7000-8000-96183a71b659")
		}
		another = append(another, h)
	}
	subject := ""
	for _, h := range genuine {
		if h.Key == cloudevent.HeaderSubject {
			subject = string(h.Value)
		}
	}
	send(t, l.address, subject, another, fmt.Sprintf(`{"id":%q,"currency":"GBP"}`, subject))
	var forged []confluent.Header
	lineage := ""
	for _, h := range another {
		switch h.Key {
		case cloudevent.HeaderSequence:
			h.Value = fmt.Appendf(nil, "%0*d", len(h.Value), uint64(1)<<62)
		case cloudevent.HeaderLineage:
			lineage = string(h.Value)
		}
		forged = append(forged, h)
	}
	send(t, l.address, subject, forged, fmt.Sprintf(`{"id":%q,"currency":"GBP"}`, subject))
	said, code := stacktest.Command(t, nil, stacktest.OrderProgram(t), "restore", "--data", l.data, "--kafka",
		l.address,
		"--from-topic")
	if code != 1 || !strings.Contains(said, "it was forged; name the lineage (--lineage "+lineage+")") {
		t.Errorf("a record with a slot that was never given: exit code %d, %s", code, said)
	}
	said = restored(t, l.data, l.address, "--from-topic", "--lineage", lineage)
	if !strings.Contains(said, "40 orders, 8 cancellations") ||
		strings.Count(said, "not a message of this lineage") != 3 ||
		!strings.Contains(said, "1 record of other programs") {
		t.Error(said)
	}
	l.goesOn(load)
}

// send writes one record to partition 0.
func send(t *testing.T, address, key string, headers []confluent.Header, value string) {
	t.Helper()
	producer, err := confluent.NewProducer(&confluent.ConfigMap{"bootstrap.servers": address, "acks": "all"})
	if err != nil {
		t.Fatal(err)
	}
	defer producer.Close()
	topic, report := event.Topic, make(chan confluent.Event, 1)
	err = producer.Produce(&confluent.Message{
		TopicPartition: confluent.TopicPartition{Topic: &topic, Partition: 0}, Headers: headers, Key: []byte(key),
		Value: []byte(value),
	}, report)
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := (<-report).(*confluent.Message); !ok || m.TopicPartition.Error != nil {
		t.Fatal(m)
	}
}

// TestRestore_SaysWhatRetentionDeleted deletes the older half of the topic.
func TestRestore_SaysWhatRetentionDeleted(t *testing.T) {
	l := newLossy(t)
	l.serve(l.address)
	l.place("old", 80)
	published(t, l.service)
	ends := map[int32]int64{}
	for _, r := range brokertest.ReadAll(t, l.address, event.Topic) {
		ends[r.Partition] = max(ends[r.Partition], r.Offset+1)
	}
	load := l.place("load", 80)
	published(t, l.service)
	base := l.keep()
	l.serve(l.address)
	l.lose()
	deleteBefore(t, l.address, ends)
	said := restored(t, l.data, l.address, "--from-topic")
	if !strings.Contains(said, "deleted by the topic's retention: 96 slots: 1-96") ||
		strings.Contains(said, "MISSING") {
		t.Error(said)
	}
	l.goesOn(load)
	if err := os.Remove(l.data); err != nil {
		t.Fatal(err)
	}
	said = restored(t, l.data, l.address, "--from-topic", "--base", base)
	if strings.Contains(strings.ToLower(said), "missing") || !strings.Contains(said, "160 of them orders") {
		t.Error(said)
	}
	l.goesOn(load)
}

func deleteBefore(t *testing.T, address string, offsets map[int32]int64) {
	t.Helper()
	admin, err := confluent.NewAdminClient(&confluent.ConfigMap{"bootstrap.servers": address})
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	topic := event.Topic
	var before []confluent.TopicPartition
	for partition, offset := range offsets {
		before = append(before, confluent.TopicPartition{Topic: &topic, Partition: partition,
			Offset: confluent.Offset(offset)})
	}
	results, err := admin.DeleteRecords(ctx, before)
	for _, r := range results.DeleteRecordsResults {
		err = errors.Join(err, r.TopicPartition.Error)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestRestore_KeepsTheNumberOfPartitions adds partitions to the topic, which the order service was not told of.
func TestRestore_KeepsTheNumberOfPartitions(t *testing.T) {
	l := newLossy(t)
	l.serve(l.address)
	load := l.place("load", 80)
	published(t, l.service)
	brokertest.AddPartitions(t, l.address, event.Topic, 12)
	l.lose()
	restored(t, l.data, l.address, "--from-topic")
	l.goesOn(load)
	l.serve(l.address)
	var report struct{ Partitions int }
	stacktest.GetJSON(t, l.service.URL()+"/v1/outbox", &report)
	if report.Partitions != 6 {
		t.Errorf("messages are spread over %d partitions, want 6", report.Partitions)
	}
}

// TestRestore_AnInterruptedOneLeavesNothingThatLooksReady kills restores at random moments.
func TestRestore_AnInterruptedOneLeavesNothingThatLooksReady(t *testing.T) {
	l := newLossy(t)
	l.serve(l.address)
	load := l.place("load", 400)
	published(t, l.service)
	l.lose()
	interrupted := 0
	for round := range 6 {
		restoring := stacktest.Run(t, stacktest.Serving{Program: l.program, Args: []string{
			"restore", "--from-topic", "--data", l.data, "--kafka", l.address,
		}})
		clocktest.Eventually(t, "it has begun", func() bool {
			_, err := os.Stat(l.data + ".building")
			return err == nil || restoring.Cmd.ProcessState != nil
		})
		for range round * 20_000 { // no sleep: a little more of it each time
			_ = time.Now()
		}
		restoring.Kill()
		if _, err := os.Stat(l.data); err == nil {
			sound(t, l.data)
			if err := os.Remove(l.data); err != nil {
				t.Fatal(err)
			}
			continue
		}
		interrupted++
	}
	if interrupted == 0 {
		t.Error("none was interrupted: the test shows nothing")
	}
	restored(t, l.data, l.address, "--from-topic")
	if left, err := filepath.Glob(l.data + "?*"); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
	l.goesOn(load)
}

package kafka_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/shared/boltdb"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka"
	"ordertally/shared/kafka/brokertest"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/recovery"
	apache "ordertally/stack/kafka"
)

// proxied starts Apache Kafka with a second listener. Clients reach that one through a proxy.
func proxied(t *testing.T) (cluster *apache.Kafka, p *proxy) {
	t.Helper()
	p = startProxy(t)
	port := func() string {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = listener.Close() }()
		return listener.Addr().String()
	}
	plain, controller := port(), port()
	broker := port()
	p.broker.Store(&broker)
	_, number, _ := net.SplitHostPort(plain)
	n, err := strconv.Atoi(number)
	if err != nil {
		t.Fatal(err)
	}
	return apache.ForTestWith(t, apache.Options{Port: n, Config: map[string]string{
		"controller.quorum.voters": "1@" + controller,
		"listeners": "PLAINTEXT://" + plain + ",PROXIED://" + broker + ",CONTROLLER://" +
			controller,
		"advertised.listeners":           "PLAINTEXT://" + plain + ",PROXIED://" + p.address,
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
	}}), p
}

// Other programs use the same cluster, and connections break. A publisher must cope with both.
func TestRelay_OnASharedApacheKafka(t *testing.T) {
	cluster, p := proxied(t)
	for name, check := range map[string]func(*testing.T){
		"a commit over a broken connection is unknown":  func(t *testing.T) { brokenCommits(t, p) },
		"an open transaction and a forgotten watermark": func(t *testing.T) { hanging(t, cluster.Addr()) },
		"somebody else commits to the group":            func(t *testing.T) { strangers(t, cluster.Addr()) },
		"the topic is made again":                       func(t *testing.T) { madeAgain(t, cluster.Addr()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t)
		})
	}
}

// brokenCommits breaks the connection within a transaction. librdkafka repeats the lost request and reports success.
// But the lost request may arrive later and end the next transaction (rule P6).
func brokenCommits(t *testing.T, p *proxy) {
	publisher, err := kafka.NewPublisher(kafka.PublisherConfig{Brokers: []string{p.address}, Topic: "broken"},
		zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	open := func() outbox.Session {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		session, err := publisher.Open(ctx, outbox.Identity{Lineage: "l", MayCreate: true})
		if err != nil {
			t.Fatal(err)
		}
		return session
	}
	slot := uint64(0)
	for name, s := range map[string]spoiling{
		"the answer to the commit is lost":   {request: endTxnRequest},
		"the commit is lost":                 {request: endTxnRequest, before: true},
		"the answer to the mark is lost":     {request: txnOffsetCommitRequest},
		"the answer to the messages is lost": {request: produceRequest},
		"nobody answers the commit":          {request: endTxnRequest, silent: true},
	} {
		session := open()
		publish := func() error {
			slot++
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			record := outbox.Record{Slot: slot, Key: []byte("k"), Value: fmt.Append(nil, slot), Time: time.Now()}
			_, err := session.Publish(ctx, []outbox.Record{record}, outbox.Watermark{Slot: slot})
			return err
		}
		if err := publish(); err != nil {
			t.Fatalf("before %s: %v", name, err)
		}
		cuts := p.cuts.Load()
		p.spoil.Store(&s)
		err := publish()
		if p.cuts.Load() != cuts+1 {
			t.Fatalf("%s: the connection was not broken", name)
		}
		if outage := (*outbox.OutageError)(nil); !errors.As(err, &outage) {
			t.Errorf("%s: got %v, want an outage: the outcome is not known", name, err)
		}
		session.Close()
		session = open() // it shows the outcome
		mark, _ := session.Watermark()
		session.Close()
		if !s.before && s.request == endTxnRequest && mark.Slot != slot {
			t.Errorf("%s: the mark is %d, and %d had been committed", name, mark.Slot, slot)
		}
		slot = mark.Slot
	}
}

// post is an outbox and its relay, on a topic of its own.
type post struct {
	t        *testing.T
	address  string
	topic    string
	path     string
	db       *boltdb.DB
	outbox   *outbox.Outbox
	recovery *recovery.Recovery
	appended int
	stop     func()
}

func newPost(t *testing.T, address string) *post {
	t.Helper()
	topic := "post-" + strings.Map(func(r rune) rune {
		if r == '/' || r == '_' || r == ',' {
			return '-'
		}
		return r
	}, t.Name())
	p := &post{t: t, address: address, topic: topic[:min(len(topic), 200)],
		path: filepath.Join(t.TempDir(), "outbox.db")}
	p.start()
	t.Cleanup(func() { p.stop() })
	return p
}

func (p *post) start() {
	p.t.Helper()
	var err error
	if p.db, err = boltdb.Open(p.path, boltdb.Options{}); err != nil {
		p.t.Fatal(err)
	}
	if p.outbox, err = outbox.Open(p.t.Context(), p.db, outbox.Config{Source: "/test"}); err != nil {
		p.t.Fatal(err)
	}
	publisher, err := kafka.NewPublisher(
		kafka.PublisherConfig{Brokers: []string{p.address}, Topic: p.topic, WatchEvery: 50 * time.Millisecond},
		zerolog.Nop())
	if err != nil {
		p.t.Fatal(err)
	}
	if p.recovery, err = recovery.Open(p.t.Context(), p.db, p.outbox, recovery.Config{}, zerolog.Nop()); err != nil {
		p.t.Fatal(err)
	}
	relay := outbox.NewRelay(p.outbox, publisher, outbox.RelayConfig{Recovery: p.recovery},
		outbox.NewMetrics(prometheus.NewRegistry(), "test", p.outbox), zerolog.Nop())
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := relay.Run(ctx); err != nil {
			p.t.Errorf("the relay ended: %v", err)
		}
	})
	p.stop = func() {
		cancel()
		running.Wait()
		if err := p.db.Close(); err != nil {
			p.t.Error(err)
		}
	}
}

func (p *post) restart() { p.stop(); p.start() }

func (p *post) place(n int) {
	p.t.Helper()
	for range n {
		p.appended++
		if err := p.db.Write(p.t.Context(), func(tx *boltdb.Tx) error {
			_, err := p.outbox.Append(tx,
				outbox.Message{Key: fmt.Append(nil, p.appended), Type: "T", Value: fmt.Append(nil, p.appended)})
			return err
		}); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *post) report() outbox.Report {
	p.t.Helper()
	report, err := p.recovery.Report(p.t.Context(), 100)
	if err != nil {
		p.t.Fatal(err)
	}
	return report
}

func (p *post) drained() {
	p.t.Helper()
	clocktest.Eventually(p.t, "all is published", func() bool {
		r := p.report()
		return r.Backlog == 0 &&
			r.Link.State == outbox.LinkUp
	})
}

func (p *post) found(kind outbox.IncidentKind) bool {
	return slices.ContainsFunc(p.report().Incidents, func(f outbox.Incident) bool { return f.Kind == kind })
}

// once checks that each message is there once among the committed records up to the high watermark.
func (p *post) once() {
	p.t.Helper()
	lineage, seen := p.outbox.Lineage(), map[uint64]int{}
	for _, r := range brokertest.ReadToHighWatermark(p.t, p.address, p.topic) {
		if envelope, err := cloudevent.Parse(r.Headers); err == nil {
			seen[envelope.Sequence]++
			if envelope.Lineage != lineage {
				p.t.Errorf("slot %d is published under another lineage", envelope.Sequence)
			}
		}
	}
	for slot := range uint64(p.appended) {
		if seen[slot+1] != 1 {
			p.t.Errorf("slot %d stands %d times", slot+1, seen[slot+1])
		}
	}
}

func hanging(t *testing.T, address string) {
	p := newPost(t, address)
	p.place(5)
	p.drained()
	end := brokertest.Hang(t, address, p.topic)
	p.place(5)
	p.drained()
	p.restart()
	p.place(1)
	p.drained() // all records are recorded as published, so it need not wait
	p.stop()
	brokertest.ForgetGroup(t, address, "ordertally-order-"+p.topic+"-"+p.outbox.Lineage())
	p.start()
	p.place(1)
	clocktest.Eventually(t, "it waits", func() bool { return p.report().HeldBack != nil })
	if r := p.report(); r.Link.State != outbox.LinkWaiting ||
		!strings.Contains(r.HeldBack.Text, "another program's: partition ") || r.Backlog != 1 {
		t.Errorf("it reports %+v, %+v", r, r.HeldBack)
	}
	end(false)
	p.drained()
	p.once()
	if p.found(outbox.IncidentRepublished) || !p.found(outbox.IncidentWatermarkLost) {
		t.Errorf("found %v", p.report().Incidents)
	}
}

func strangers(t *testing.T, address string) {
	p := newPost(t, address)
	group := "ordertally-order-" + p.topic + "-" + p.outbox.Lineage()
	p.place(5)
	p.drained()
	for n, metadata := range []string{"", "by hand"} {
		p.stop()
		brokertest.CommitOffset(t, address, group, p.topic, int64(1_000_000*n+3), metadata)
		p.start()
		p.place(2)
		p.drained()
		if found := p.report().Incidents; len(found) != n+1 || found[0].Kind != outbox.IncidentWatermarkForeign {
			t.Errorf("found %v", found)
		}
	}
	leave := brokertest.Join(t, address, group, p.topic) // it commits its position, and the group has a member
	p.place(2)
	p.drained()
	leave()
	p.restart()
	p.place(2)
	p.drained()
	p.once()
}

func madeAgain(t *testing.T, address string) {
	for name, remake := range map[string]func(*testing.T, *post){
		"with fewer partitions until some are added": func(t *testing.T, p *post) {
			brokertest.Recreate(t, address, p.topic, 2)
			clocktest.Eventually(t, "it says so",
				func() bool { return p.found(outbox.IncidentPartitionsMissing) })
			brokertest.AddPartitions(t, address, p.topic, 6)
		},
		"with more partitions": func(t *testing.T, p *post) { brokertest.Recreate(t, address, p.topic, 9) },
		"twice": func(t *testing.T, p *post) {
			brokertest.Recreate(t, address, p.topic, 6)
			brokertest.Recreate(t, address, p.topic, 6)
		},
		"later": func(t *testing.T, p *post) {
			brokertest.Delete(t, address, p.topic)
			clocktest.Eventually(t, "it says that it cannot publish",
				func() bool { return p.report().Link.State == outbox.LinkDown })
			p.place(3)
			brokertest.Create(t, address, p.topic, 6)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPost(t, address)
			p.place(20)
			p.drained()
			before := p.report().LogID
			remake(t, p)
			clocktest.Eventually(t, "it publishes again",
				func() bool { return p.found(outbox.IncidentRepublished) && p.report().LogID != before })
			p.place(1)
			p.drained()
			p.once()
			p.restart()
			p.place(1)
			p.drained()
			p.once()
		})
	}
}

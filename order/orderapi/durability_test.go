package orderapi_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/rs/zerolog"

	"ordertally/order/ack"
	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/outbox"
	"ordertally/shared/outbox/outboxtest"
)

// acking starts a service with these settings.
func acking(t *testing.T, config ack.Config) *apitest.Service {
	t.Helper()
	service := apitest.New(t, clock.System{})
	service.Ack = config
	service.Start()
	return service
}

// published runs a relay and waits until it is connected.
func published(t *testing.T, service *apitest.Service) *outboxtest.Publisher {
	t.Helper()
	_, publisher := service.PublishRefusing("bad", outbox.RelayConfig{MaxAttempts: 1}, zerolog.Nop())
	clocktest.Eventually(t, "the relay is connected", func() bool {
		report, err := service.Outbox.Report(t.Context(), 0)
		return err == nil && report.Link.State == outbox.LinkUp
	})
	return publisher
}

// reply is what matters of an answer.
type reply struct {
	status                                       int
	durability, applied, replayed, retry, answer string
}

func (c call) reply(t *testing.T, service *apitest.Service) reply {
	t.Helper()
	resp, answer := c.do(t, service)
	h := resp.Header
	return reply{resp.StatusCode, h.Get("Order-Durability"), h.Get("Preference-Applied"), h.Get("Idempotent-Replayed"),
		h.Get("Retry-After"), answer}
}

// holds checks a reply. want has no answer, but text that it must contain.
func (r reply) holds(t *testing.T, name string, want reply) {
	t.Helper()
	text := want.answer
	want.answer = r.answer
	if r != want || !strings.Contains(r.answer, text) {
		t.Errorf("%s: got %+v\nwant %+v with %s", name, r, want, text)
	}
}

// stalled makes commits become visible, but not known, until release is called.
func stalled(t *testing.T, publisher *outboxtest.Publisher) (release func()) {
	t.Helper()
	free := make(chan struct{})
	publisher.Script(func(step outboxtest.Step, records []outbox.Record) error {
		if step == outboxtest.Answering && len(records) > 0 {
			<-free
		}
		return nil
	})
	release = sync.OnceFunc(func() { close(free) })
	t.Cleanup(release)
	return release
}

func TestPlacement_WithAckKafkaIsAnsweredWhenItsTransactionIsKnownToBeCommitted(t *testing.T) {
	service := acking(t, ack.Config{Ack: ack.Kafka, Else: ack.Refuse, Wait: 20 * time.Second})
	release := stalled(t, published(t, service))
	order := post(body(goodLine), "Idempotency-Key", "k")
	answers := make(chan reply, 2)
	go func() { answers <- order.reply(t, service) }()
	clocktest.Eventually(t, "the placement waits", func() bool { return service.Outbox.Awaiting() == 1 })
	go func() { answers <- order.reply(t, service) }() // a replay waits as well
	clocktest.Eventually(t, "its replay waits", func() bool { return service.Outbox.Awaiting() == 2 })
	select {
	case early := <-answers:
		t.Fatalf("answered too early: %+v", early)
	default:
	}
	release()
	for range 2 {
		got := <-answers
		got.holds(t, "answer", reply{status: 201, durability: "kafka", replayed: got.replayed,
			answer: `"publication":{"state":"published","attempts":1}`})
	}
	order.reply(t, service).holds(t, "a later replay", reply{status: 201, durability: "kafka", replayed: "true",
		answer: `"state":"published","attempts":1`})
}

func TestPlacement_IsAnsweredAsTheSettingsSayWhileKafkaIsAway(t *testing.T) {
	const notInKafka = `"code":"not_replicated"`
	line := body(goodLine)
	sourced := body(goodLine, `"source":"shop"`, `"reference":"1"`)
	local := reply{status: 201, durability: "local", answer: `"state":"pending","attempts":0`}
	for _, tc := range []struct {
		name   string
		config ack.Config
		call   call
		want   reply
	}{
		{"local", ack.Config{}, post(line), local},
		{"local, asked for more", ack.Config{}, post(line, "Prefer", "durability=kafka", "Idempotency-Key", "k"),
			reply{status: 503, retry: "5", answer: notInKafka}},
		{"local, other preferences", ack.Config{}, post(line, "Prefer", "durability=local, wait=5"), local},
		{"kafka, else local", ack.Config{Ack: ack.Kafka}, post(line, "Idempotency-Key", "k"), local},
		{"kafka, else local, asked for more", ack.Config{Ack: ack.Kafka}, post(line, "Prefer", "durability=kafka"),
			reply{status: 503, retry: "5", answer: "do not repeat it"}},
		{"kafka, else keyless, no key", ack.Config{Ack: ack.Kafka, Else: ack.AnswerKeyless}, post(line), local},
		{"kafka, else keyless, a key", ack.Config{Ack: ack.Kafka, Else: ack.AnswerKeyless},
			post(line, "Idempotency-Key", "k"), reply{status: 503, retry: "5", answer: notInKafka}},
		{"kafka, else keyless, a source", ack.Config{Ack: ack.Kafka, Else: ack.AnswerKeyless}, post(sourced),
			reply{status: 503, retry: "5", answer: "safe to repeat"}},
		{"kafka, else refuse", ack.Config{Ack: ack.Kafka, Else: ack.Refuse}, post(line, "Idempotency-Key", "k"),
			reply{status: 503, retry: "5",
				answer: "safe to repeat the request as it was, with the same Idempotency-Key"}},
		{"kafka, else refuse, no key", ack.Config{Ack: ack.Kafka, Else: ack.Refuse}, post(line),
			reply{status: 503, retry: "5", answer: "do not repeat it"}},
	} {
		service := acking(t, tc.config) // without a relay
		began := time.Now()
		got := tc.call.reply(t, service)
		got.holds(t, tc.name, tc.want)
		if took := time.Since(began); took > 900*time.Millisecond {
			t.Errorf("%s: it took %s, not at once", tc.name, took)
		}
		if got.status == http.StatusServiceUnavailable {
			var p struct{ Instance string }
			if err := json.Unmarshal([]byte(got.answer), &p); err != nil {
				t.Fatal(err)
			}
			if stored := get(p.Instance).reply(t, service); stored.status != http.StatusOK {
				t.Errorf("%s: the order at %q: %+v", tc.name, p.Instance, stored)
			}
		}
		service.Stop()
	}
}

func TestPlacement_AsksForKafkaByItsPreference(t *testing.T) {
	service := acking(t, ack.Config{})
	published(t, service)
	post(body(goodLine), "Prefer", "respond-async", "Prefer", `durability="kafka"`).reply(t, service).holds(t, "asked",
		reply{status: 201, durability: "kafka", applied: "durability=kafka", answer: `"state":"published"`})
	plain := post(body(goodLine), "Idempotency-Key", "k")
	plain.reply(t, service).holds(t, "not asked", reply{status: 201, durability: "local", answer: `"pending"`})
	clocktest.Eventually(t, "it is published", func() bool { return service.Outbox.Backlog() == 0 })
	plain.reply(t, service).holds(t, "its replay", reply{status: 201, durability: "kafka", replayed: "true"})
}

func TestPlacement_TooSlowForKafkaIsLocal(t *testing.T) {
	service := acking(t, ack.Config{Ack: ack.Kafka, Wait: 20 * time.Millisecond})
	stalled(t, published(t, service))
	post(body(goodLine)).reply(t, service).holds(t, "late",
		reply{status: 201, durability: "local", answer: `"pending"`})
	post(body(goodLine), "Prefer", "durability=kafka").reply(t, service).holds(t, "late, and asked",
		reply{status: 503, retry: "1", answer: "did not confirm it in time"})
}

func TestPlacement_WhoseMessageIsParkedIsLocal(t *testing.T) {
	service := acking(t, ack.Config{Ack: ack.Kafka, Wait: 20 * time.Second})
	published(t, service)
	bad := post(body(`{"sku":"bad","quantity":1,"unit_price":1}`), "Idempotency-Key", "k")
	bad.reply(t, service).holds(t, "parked", reply{status: 201, durability: "local"})
	bad.reply(t, service).holds(t, "its replay", reply{status: 201, durability: "local", replayed: "true",
		answer: `"state":"parked"`})
	bad.header.Set("Prefer", "durability=kafka")
	bad.reply(t, service).holds(t, "its replay, asked for more", reply{status: 503, retry: "30",
		answer: "Kafka refused its message"})
	post(body(goodLine)).reply(t, service).holds(t, "another", reply{status: 201, durability: "kafka"})
}

func TestCancellation_WaitsForItsOwnMessage(t *testing.T) {
	service := acking(t, ack.Config{Ack: ack.Kafka, Else: ack.AnswerKeyless, Wait: 20 * time.Second})
	publisher := published(t, service)
	resp, _ := post(body(goodLine)).do(t, service)
	cancel := call{method: http.MethodPost, path: resp.Header.Get("Location") + "/cancel", body: "{}",
		header: http.Header{"Idempotency-Key": {"c"}}}
	release := stalled(t, publisher)
	answers := make(chan reply, 1)
	go func() { answers <- cancel.reply(t, service) }()
	clocktest.Eventually(t, "the cancellation waits", func() bool { return service.Outbox.Awaiting() == 1 })
	release()
	(<-answers).holds(t, "cancelled", reply{status: 200, durability: "kafka", answer: `"status":"cancelled"`})
	cancel.reply(t, service).holds(t, "a replay", reply{status: 200, durability: "kafka", replayed: "true"})
}

package e2e_test

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/rs/zerolog"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/kafka"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/stack/stacktest"
)

// spans takes what the services send by OTLP.
type spans struct {
	mu        sync.Mutex
	byService map[string][]*trace.Span
}

func (s *spans) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var sent collector.ExportTraceServiceRequest
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = proto.Unmarshal(body, &sent)
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range sent.ResourceSpans {
		service := ""
		for _, attribute := range resource.Resource.Attributes {
			if attribute.Key == "service.name" {
				service = attribute.Value.GetStringValue()
			}
		}
		for _, scope := range resource.ScopeSpans {
			s.byService[service] = append(s.byService[service], scope.Spans...)
		}
	}
}

// find returns the span of that name in a trace.
func (s *spans) find(service, name, traceID string) *trace.Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, span := range s.byService[service] {
		if span.Name == name && hex.EncodeToString(span.TraceId) == traceID {
			return span
		}
	}
	return nil
}

// TestTrace_ReachesFromTheRequestToTheCount checks that the client's span is the parent of order's, and order's that of
// activity's.
func TestTrace_ReachesFromTheRequestToTheCount(t *testing.T) {
	got := &spans{byService: map[string][]*trace.Span{}}
	server := httptest.NewServer(got)
	t.Cleanup(server.Close)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", server.URL)
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
	dev := devbrokertest.Start(t, devbroker.Config{})
	s := stacktest.StartServices(t, t.TempDir(), dev.Addr())

	place := func(parent, body string) (status int, traceID string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.OrderURL()+"/v1/orders",
			strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if parent != "" {
			r.Header.Set("traceparent", parent)
			r.Header.Set("tracestate", "vendor=1")
			r.Header.Set("baggage", "tier=gold")
		}
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		var answer struct {
			TraceID string `json:"trace_id"`
		}
		_ = json.NewDecoder(response.Body).Decode(&answer)
		return response.StatusCode, answer.TraceID
	}
	const one = `{"currency":"GBP","lines":[{"sku":"a","quantity":1,"unit_price":1}]}`
	const client, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
	if status, _ := place("00-"+client+"-"+parent+"-01", one); status != http.StatusCreated {
		t.Fatal(status)
	}
	var request, count *trace.Span
	clocktest.Eventually(t, "both spans are sent", func() bool {
		request, count = got.find("order", "POST /v1/orders", client),
			got.find("activity", "count ORDER_CREATED", client)
		return request != nil && count != nil
	})
	if hex.EncodeToString(request.ParentSpanId) != parent || request.Kind != trace.Span_SPAN_KIND_SERVER {
		t.Errorf("order's span: %v", request)
	}
	if string(count.ParentSpanId) != string(request.SpanId) || count.Kind != trace.Span_SPAN_KIND_CONSUMER ||
		count.EndTimeUnixNano < count.StartTimeUnixNano {
		t.Errorf("activity's span: %v", count)
	}

	if request.TraceState != "vendor=1" || count.TraceState != "vendor=1" {
		t.Errorf("tracestate is %q at order's span, %q at activity's", request.TraceState, count.TraceState)
	}
	records, err := kafka.Tail(t.Context(), kafka.ConsumerConfig{
		Brokers: []string{dev.Addr()}, Topic: event.Topic, GroupID: "test",
	}, 1, zerolog.Nop(), func(r *kafka.Record) (headers string) {
		for _, h := range r.Headers {
			headers += h.Key + "=" + string(h.Value) + " "
		}
		return headers
	})
	if err != nil || len(records) != 1 {
		t.Fatal(records, err)
	}
	traceparent := "traceparent=00-" + client + "-" + hex.EncodeToString(request.SpanId) + "-01 "
	for _, want := range []string{traceparent, "tracestate=vendor=1 ", "baggage=tier=gold "} {
		if !strings.Contains(records[0], want) {
			t.Errorf("the message has no %s: %s", want, records[0])
		}
	}

	// For a client that does not trace, the problem has the trace of the service's own span.
	status, traceID := place("", "{")
	if status != http.StatusBadRequest || len(traceID) != 32 {
		t.Fatalf("%d, trace %q", status, traceID)
	}
	clocktest.Eventually(t, "the span of the refused request is sent",
		func() bool { return got.find("order", "POST /v1/orders", traceID) != nil })

	// A client that wants no trace gets none.
	const unsampled = "5bf92f3577b34da6a3ce929d0e0e4736"
	if status, _ := place("00-"+unsampled+"-"+parent+"-00", one); status != http.StatusCreated {
		t.Fatal(status)
	}
	last := "6bf92f3577b34da6a3ce929d0e0e4736"
	place("00-"+last+"-"+parent+"-01", one)
	clocktest.Eventually(t, "a later span is sent",
		func() bool { return got.find("activity", "count ORDER_CREATED", last) != nil })
	if got.find("order", "POST /v1/orders", unsampled) != nil ||
		got.find("activity", "count ORDER_CREATED", unsampled) != nil {
		t.Error("a trace that its client does not sample is sent")
	}
}

package orderapi_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/order"
	"ordertally/order/ack"
	"ordertally/order/admission"
	"ordertally/order/orderapi"
	"ordertally/order/orderapi/apitest"
	"ordertally/shared/auth"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/clock"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
)

// slowReaders are clients that do not read their answers before the end of the test.
type slowReaders struct {
	handler http.Handler
	stuck   atomic.Int32 // in the middle of its answer
	refused atomic.Int32 // of those, how many with a refusal
	reading chan struct{}
	running sync.WaitGroup
}

type stuckWriter struct {
	*httptest.ResponseRecorder
	of *slowReaders
}

func (w stuckWriter) Write(b []byte) (int, error) {
	if w.Code >= http.StatusBadRequest {
		w.of.refused.Add(1)
	}
	w.of.stuck.Add(1)
	<-w.of.reading
	return w.ResponseRecorder.Write(b)
}

func newSlowReaders(t *testing.T, s *apitest.Service) *slowReaders {
	t.Helper()
	placement, err := order.NewOrders(s.Store, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	r := &slowReaders{reading: make(chan struct{}), handler: orderapi.New(orderapi.Config{
		Orders: placement, Store: s.Store, Outbox: s.Outbox, Topic: event.Topic, Logger: zerolog.Nop(),
		Guard: auth.Unguarded(), Acks: ack.New(ack.Config{}, s.Outbox, prometheus.NewRegistry()),
		Limiter: ratelimit.Unlimited(), Gate: admission.Unlimited(),
	})}
	t.Cleanup(r.read)
	return r
}

// read makes all of them read.
func (r *slowReaders) read() {
	select {
	case <-r.reading:
	default:
		close(r.reading)
	}
	r.running.Wait()
}

func request(from, method, path, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.RemoteAddr = from + ":1"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// ask sends the same request from n of them, all with one address.
func (r *slowReaders) ask(n int, from, method, path, body string) {
	for range n {
		r.running.Go(func() {
			r.handler.ServeHTTP(stuckWriter{httptest.NewRecorder(), r},
				request(from, method, path, body))
		})
	}
}

// status returns what a client gets that reads its answer.
func (r *slowReaders) status(method, path, body string) (int, string) {
	w := httptest.NewRecorder()
	r.handler.ServeHTTP(w, request("192.0.2.1", method, path, body))
	return w.Code, w.Body.String()
}

// TestPlace_ASlowReaderHoldsNoPlace has more clients than may place at once place an order and not read the answer.
// Others can still place orders.
func TestPlace_ASlowReaderHoldsNoPlace(t *testing.T) {
	s := apitest.Start(t, clock.System{})
	r := newSlowReaders(t, s)
	const many = 600 // the gate lets 512 in
	r.ask(many, "203.0.113.1", http.MethodPost, "/v1/orders", small)
	clocktest.Eventually(t, "all are at their answers", func() bool { return r.stuck.Load() == many })
	if placed := r.stuck.Load() - r.refused.Load(); placed < 512 {
		t.Errorf("only %d of them placed", placed)
	}
	if status, answer := r.status(http.MethodPost, "/v1/orders", small); status != http.StatusCreated {
		t.Errorf("placing beside them: %d %s", status, answer)
	}
}

// TestAPI_SlowReadersShareBoundedMemory checks that unread large answers share 64 MiB, and that one client has 16 MiB
// of it. Beyond that, no more large answers are made. Small answers, including pages, still work.
func TestAPI_SlowReadersShareBoundedMemory(t *testing.T) {
	s := apitest.Start(t, clock.System{})
	r := newSlowReaders(t, s)
	lines := make([]string, 1800)
	for i := range lines {
		lines[i] = `{"sku":"` + strconv.Itoa(i) + `","description":"` + strings.Repeat("x", 450) +
			`","quantity":1,"unit_price":1}`
	}
	large := `{"currency":"EUR","lines":[` + strings.Join(lines, ",") + `]}` // 900 KB
	status, answer := r.status(http.MethodPost, "/v1/orders", large)
	if status != http.StatusCreated {
		t.Fatalf("%d %.300s", status, answer)
	}
	_, id, _ := strings.Cut(answer, `"id":"`)
	path := "/v1/orders/" + id[:36]
	const many, most = 100, 16<<20/(900<<10) + 1 // of each
	for clients := 1; clients <= 5; clients++ {
		r.ask(many, fmt.Sprintf("203.0.113.%d", clients), http.MethodGet, path, "")
		clocktest.Eventually(t, "all have an answer or a refusal",
			func() bool { return r.stuck.Load() == int32(many*clients) })
		if large := int(r.stuck.Load() - r.refused.Load()); large > clients*most || large < min(clients, 4)*most*3/4 {
			t.Errorf("%d large answers are under way to %d clients, want about %d", large, clients,
				min(clients, 4)*most)
		}
		want := http.StatusOK
		if clients == 5 { // there is only part of the fifth client's share
			want = http.StatusServiceUnavailable
		}
		for _, path := range []string{path, "/v1/orders"} {
			if status, answer := r.status(http.MethodGet, path, ""); status != want || status != http.StatusOK &&
				!strings.Contains(answer, "overloaded") {
				t.Errorf("%s beside %d clients: %d %.300s", path, clients, status, answer)
			}
		}
	}
	if status, answer := r.status(http.MethodGet, path+"/delivery", ""); status != http.StatusOK {
		t.Errorf("a small answer beside them: %d %.300s", status, answer)
	}
	if status, answer := r.status(http.MethodPost, "/v1/orders", small); status != http.StatusCreated {
		t.Errorf("placing beside them: %d %.300s", status, answer)
	}
	if status, answer := r.status(http.MethodGet, "/v1/orders?limit=1", ""); status != http.StatusOK {
		t.Errorf("a small page beside them: %d %.300s", status, answer)
	}
	r.read()
	if status, answer := r.status(http.MethodGet, "/v1/orders", ""); status != http.StatusOK {
		t.Errorf("a page once they have read: %d %.300s", status, answer)
	}
}

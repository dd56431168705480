package orderd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"go.etcd.io/bbolt"

	"ordertally/order/admission"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/service"
	"ordertally/shared/web"
)

// admitting is the service as it runs, on free ports, without Kafka.
type admitting struct {
	t       *testing.T
	service *Service
	client  *http.Client
}

func startAdmitting(t *testing.T, config admission.Config) *admitting {
	t.Helper()
	service, err := New(Config{
		Config: service.Config{
			Listen: "127.0.0.1:0", OpsListen: "127.0.0.1:0", Data: filepath.Join(t.TempDir(), "order.db"),
			Kafka:  []string{"127.0.0.1:1"},
			Bounds: web.Bounds{MaxConnections: 100_000}, // placements are refused here, not connections
		},
		Admission: config,
	}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.WithoutCancel(t.Context())
	if err := service.Start(ctx); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := service.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return &admitting{t, service, &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
}

// answer is the answer to one placement.
type answer struct {
	status           int
	code, retryAfter string
	detail, location string
	err              error
}

func (a *admitting) place() answer {
	response, err := a.client.Post("http://"+a.service.Addr()+"/v1/orders", "application/json",
		strings.NewReader(`{"currency":"EUR","lines":[{"sku":"a","quantity":1,"unit_price":1}]}`))
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = response.Body.Close() }()
	var p struct{ Code, Detail string }
	err = json.NewDecoder(response.Body).Decode(&p)
	return answer{response.StatusCode, p.Code, response.Header.Get("Retry-After"), p.Detail,
		response.Header.Get("Location"), err}
}

// untilRefused places orders until one is refused. It returns the locations of those stored before.
func (a *admitting) untilRefused() (stored []string) {
	a.t.Helper()
	clocktest.Eventually(a.t, "a placement is refused", func() bool {
		got := a.place()
		if got.err != nil {
			a.t.Fatal(got.err)
		}
		if got.status == http.StatusCreated {
			stored = append(stored, got.location)
		}
		return got.status != http.StatusCreated
	})
	return stored
}

// refuses checks that placements are refused for reason now and write nothing, and that stored orders can be read.
func (a *admitting) refuses(reason admission.Reason, retryAfter, detail string, stored []string) {
	a.t.Helper()
	before := a.transactions()
	for range 3 {
		a.holds(a.place(), retryAfter, detail)
	}
	a.readsGoOn(stored...)
	if after := a.transactions(); after != before {
		a.t.Errorf("refused placements made %d transactions", after-before)
	}
	a.counted(reason)
}

// holds checks that a refusal is as documented.
func (a *admitting) holds(got answer, retryAfter, detail string) {
	a.t.Helper()
	if got.err != nil || got.status != http.StatusServiceUnavailable || got.code != "overloaded" ||
		got.retryAfter != retryAfter ||
		!strings.Contains(got.detail, detail) || !strings.Contains(got.detail, "Nothing was stored") {
		a.t.Errorf("%+v, want a 503 overloaded, Retry-After %s, %q", got, retryAfter, detail)
	}
}

func (a *admitting) get(url string) (int, string) {
	a.t.Helper()
	response, err := a.client.Get("http://" + url)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// readsGoOn checks that stored orders can be read.
func (a *admitting) readsGoOn(paths ...string) {
	a.t.Helper()
	for _, path := range append(paths, "/v1/orders", "/v1/outbox", "/") {
		if status, text := a.get(a.service.Addr() + path); status != http.StatusOK {
			a.t.Errorf("GET %s: %d %s", path, status, text)
		}
	}
}

// counted checks that the metric counts refusals for reason, and for no other.
func (a *admitting) counted(reason admission.Reason) {
	a.t.Helper()
	_, text := a.get(a.service.OpsAddr() + "/metrics")
	for _, r := range admission.Reasons() {
		none := strings.Contains(text, fmt.Sprintf("order_admission_refused_total{reason=%q} 0\n", r))
		if none != (r != reason) {
			a.t.Errorf("refusals for %s: none is %v", r, none)
		}
	}
}

// transactions returns the number of commits. While it stays the same, nothing was written.
func (a *admitting) transactions() (id int) {
	a.t.Helper()
	if err := a.service.DB.View(a.t.Context(), func(tx *bbolt.Tx) error { id = tx.ID(); return nil }); err != nil {
		a.t.Fatal(err)
	}
	return id
}

// hold blocks the committer in a transaction that writes nothing, until release is called.
func (a *admitting) hold() (release func()) {
	a.t.Helper()
	entered, free, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	nothing := errors.New("nothing to write")
	go func() {
		ended <- a.service.DB.Write(context.Background(), func(*boltdb.Tx) error {
			close(entered)
			<-free
			return boltdb.Refuse(nothing)
		})
	}()
	<-entered
	release = sync.OnceFunc(func() {
		close(free)
		if err := <-ended; !errors.Is(err, nothing) {
			a.t.Error(err)
		}
	})
	a.t.Cleanup(release) // before the service stops, because stopping waits for it
	return release
}

// TestService_AFullDiskRefusesOrders simulates a full disk by asking for more room than any disk has.
func TestService_AFullDiskRefusesOrders(t *testing.T) {
	a := startAdmitting(t, admission.Config{FreeDisk: 1 << 62})
	stored := a.untilRefused()
	a.refuses(admission.Disk, "30", "disk is nearly full", stored)
}

func TestAnOldBacklogRefusesOrders(t *testing.T) {
	a := startAdmitting(t, admission.Config{BacklogAge: time.Millisecond})
	stored := a.untilRefused()
	if len(stored) == 0 {
		t.Error("nothing waited, and an order was refused")
	}
	a.refuses(admission.Backlog, "30", "has waited for", stored)
}

func TestACommitThatHangsRefusesOrders(t *testing.T) {
	a := startAdmitting(t, admission.Config{})
	stored := a.place()
	if stored.status != http.StatusCreated {
		t.Fatal(stored)
	}
	release := a.hold()
	clocktest.Eventually(a.t, "a commit takes more than two seconds",
		func() bool { return a.service.DB.Committing() > 2*time.Second })
	a.refuses(admission.Stalled, "1", "disk does not answer in time", []string{stored.location})
	release()
	// Just after its requests were answered.
	clocktest.Eventually(a.t, "the commit is over", func() bool { return a.service.DB.Committing() == 0 })
	if again := a.place(); again.status != http.StatusCreated {
		t.Errorf("after the commit: %+v", again)
	}
}

// TestService_RefusesMoreThanItCanStore sends orders while none can be stored, until the gate is full.
func TestService_RefusesMoreThanItCanStore(t *testing.T) {
	const (
		// the gate's highest limit: beyond it some are refused, whatever the gate learns meanwhile
		gateAtMost = 4096
		batch      = 900 // it begins with 512
	)
	a := startAdmitting(t, admission.Config{Latency: time.Minute}) // a commit in this test must not count as stuck
	before := a.transactions()
	release := a.hold()
	answers, sent := make(chan answer, gateAtMost+2*batch), 0
	var first answer
	for came := false; !came; {
		if sent > gateAtMost {
			t.Fatalf("%d placements wait for the store", sent)
		}
		for range batch {
			go func() { answers <- a.place() }()
		}
		sent += batch
		select {
		case first = <-answers:
			came = true
		case <-time.After(3 * time.Second): // the gate grew as fast as the orders came
		}
	}
	a.holds(first, "1", "more orders than it can store in time")
	a.readsGoOn()
	if after := a.transactions(); after != before {
		t.Errorf("refused placements made %d transactions", after-before)
	}
	release()
	stored, refused := 0, 1
	for range sent - 1 {
		switch got := <-answers; got.status {
		case http.StatusCreated:
			stored++
		default:
			refused++
			a.holds(got, "1", "more orders than it can store in time")
		}
	}
	t.Logf("%d stored, %d refused", stored, refused)
	a.counted(admission.Overload)
	_, text := a.get(a.service.OpsAddr() + "/metrics")
	for name, want := range map[string]int{"order_placed_total": stored,
		`order_admission_refused_total{reason="overload"}`: refused} {
		if !strings.Contains(text, fmt.Sprintf("\n%s %d\n", name, want)) {
			t.Errorf("the metrics lack %s %d", name, want)
		}
	}
}

package bench_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Both flood benchmarks first measure 64 clients alone, which use the whole server. Then they offer ten times that
// load. They report the 99th percentile of the admitted orders, as a ratio to that of the 64 clients and to that of a
// lone client. They also report what the rest got, and the peak memory. Every 201 must be stored, and no answer may be
// anything but 201, 429 and 503.
const times = 10

// flooded is a server under a flood, and the measurements from before it.
type flooded struct {
	loaded
	body     string
	lone     *answers
	idle     *answers
	capacity float64 // orders a second
	stored   int64   // before the flood
}

const idleSpan = 2 * time.Second

func startFlooded(b *testing.B, body string) *flooded {
	b.Helper()
	pin(b, 1)
	f := &flooded{loaded: startLoaded(b), body: body, lone: newAnswers(), idle: newAnswers()}
	newAnswers().load(b, f.API, "", body, goodClients, until(idleSpan)) // warm
	f.lone.load(b, f.API, "", body, 1, until(idleSpan))
	f.idle.load(b, f.API, "", body, goodClients, until(idleSpan))
	f.capacity = float64(f.idle.status[201]) / idleSpan.Seconds()
	f.stored = f.placed(b)
	return f
}

// report checks and reports the results of a flood of so many seconds.
func (f *flooded) report(b *testing.B, a *answers, seconds float64) {
	b.Helper()
	if stored := f.placed(b) - f.stored; stored != int64(a.status[201]) {
		b.Errorf("%d orders were answered with 201, and %d are stored", a.status[201], stored)
	}
	refused := a.status[429] + a.status[503]
	for code, n := range a.status {
		if code != 201 && code != 429 && code != 503 {
			b.Errorf("%d answers have the status %d", n, code)
		}
	}
	b.ReportMetric(f.capacity, "capacity/s")
	b.ReportMetric(float64(a.status[201])/seconds, "admitted/s")
	b.ReportMetric(float64(refused)/seconds, "refused/s")
	b.ReportMetric(f.lone.p99().Seconds()*1000, "lone-p99-ms")
	b.ReportMetric(f.idle.p99().Seconds()*1000, "idle-p99-ms")
	b.ReportMetric(a.p99().Seconds()*1000, "flood-p99-ms")
	b.ReportMetric(a.p99().Seconds()/f.idle.p99().Seconds(), "flood/idle")
	b.ReportMetric(f.peak(b)/(1<<20), "peak-MiB")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkFloodOfClients has 2,000 clients, thirty times as many as the server needs to be busy, wait for nothing but
// their answers, until they have placed ten times what the server stores in two seconds. Small orders: one core of
// clients cannot send more of them than the server reads.
//
//	go test -run - -bench FloodOfClients -benchtime 1x ./stack/bench
func BenchmarkFloodOfClients(b *testing.B) {
	const clients = 2000
	for range b.N {
		f, a := startFlooded(b, loadBody), newAnswers()
		var left atomic.Int64
		left.Store(int64(times * f.capacity * idleSpan.Seconds()))
		began := time.Now()
		a.load(b, f.API, "", f.body, clients, func() bool { return left.Add(-1) < 0 })
		f.report(b, a, time.Since(began).Seconds())
	}
}

// BenchmarkFloodByTheClock sends ten times what the server can store by the clock, whatever the answers: an order that
// is due is sent over a connection that waits for no answer. The orders are long, so that one core of clients can send
// ten times what the server stores.
//
//	go test -run - -bench FloodByTheClock -benchtime 1x ./stack/bench
func BenchmarkFloodByTheClock(b *testing.B) {
	const span, most = 10 * time.Second, 9500 // below the server's own limit on connections
	for range b.N {
		f, a := startFlooded(b, longBody()), newAnswers()
		due := make(chan struct{})
		var clients sync.WaitGroup
		client := func() {
			p, err := newPlacer(f.API, "", f.body)
			if err != nil {
				b.Error(err)
				return
			}
			defer func() { _ = p.conn.Close() }()
			for range due {
				began := time.Now()
				code, err := p.place()
				if err != nil {
					b.Error(err)
					return
				}
				a.add(code, time.Since(began))
			}
		}
		offered, unsent, open := 0, 0, 0
		tick := time.NewTicker(time.Millisecond)
		began := time.Now()
		for now := range tick.C {
			if now.Sub(began) > span {
				break
			}
			for behind := int(time.Since(began).Seconds() * f.capacity * times); offered < behind; offered++ {
				select {
				case due <- struct{}{}:
					continue
				default:
				}
				if open == most {
					unsent++
					continue
				}
				open++
				clients.Go(client)
				due <- struct{}{}
			}
		}
		tick.Stop()
		close(due)
		clients.Wait()
		b.ReportMetric(float64(offered)/span.Seconds(), "offered/s")
		b.ReportMetric(float64(unsent)/span.Seconds(), "unsent/s")
		f.report(b, a, span.Seconds())
	}
}

// longBody returns an order of 500 lines, 42 KB.
func longBody() string {
	lines := make([]string, 500)
	for i := range lines {
		lines[i] = fmt.Sprintf(`{"sku":"85123A-%d","description":"WHITE HANGING HEART T-LIGHT HOLDER",`+
			`"quantity":6,"unit_price":255}`, i)
	}
	return `{"currency":"GBP","lines":[` + strings.Join(lines, ",") + `]}`
}

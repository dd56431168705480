package bench_test

import (
	"io"
	"net"
	"sync"
	"testing"
	"time"
)

// BenchmarkSlowloris has 64 clients place orders, in turn alone and beside 2,000 connections that send a header by the
// byte, and reports the ratio of the rates. The server has one core, the clients the other.
//
//	go test -run - -bench Slowloris -benchtime 1x ./stack/bench
func BenchmarkSlowloris(b *testing.B) {
	pin(b, 1)
	l := startLoaded(b)
	const slow, rounds, span = 2000, 5, 4 * time.Second
	var alone, beside []float64
	rate := func() float64 {
		a := newAnswers()
		a.load(b, l.API, "", loadBody, goodClients, until(span))
		return float64(a.status[201]) / span.Seconds()
	}
	rate() // warm
	for range b.N {
		for range rounds {
			alone = append(alone, rate())
			stop := slowloris(b, l.API, slow)
			beside = append(beside, rate())
			stop()
		}
	}
	b.ReportMetric(median(alone), "alone/s")
	b.ReportMetric(median(beside), "beside/s")
	b.ReportMetric(median(beside)/median(alone), "beside/alone")
	b.ReportMetric(l.peak(b)/(1<<20), "peak-MiB")
	b.ReportMetric(0, "ns/op")
}

// slowloris opens n connections and keeps them open. Each sends one byte of a header per second. A connection that the
// server closes is opened again.
func slowloris(b *testing.B, addr string, n int) (stop func()) {
	b.Helper()
	const head = "POST /v1/orders HTTP/1.1\r\nHost: order\r\nX-Slow: "
	conns := make([]net.Conn, n)
	open := func(i int) error {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			return err
		}
		conns[i] = conn
		_, err = io.WriteString(conn, head)
		return err
	}
	for i := range conns {
		if err := open(i); err != nil {
			b.Fatal(err)
		}
	}
	quit := make(chan struct{})
	var ended sync.WaitGroup
	ended.Go(func() {
		tick := time.NewTicker(time.Second / time.Duration(n))
		defer tick.Stop()
		for i := 0; ; i = (i + 1) % n {
			select {
			case <-tick.C:
			case <-quit:
				return
			}
			if _, err := conns[i].Write([]byte("x")); err != nil {
				_ = conns[i].Close()
				_ = open(i) // tried again in a second
			}
		}
	})
	return func() {
		close(quit)
		ended.Wait()
		for _, conn := range conns {
			_ = conn.Close()
		}
	}
}

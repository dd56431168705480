package faults_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/stack/stacktest"
)

// silentPeer accepts connections and data, and never answers.
func silentPeer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { _, _ = io.Copy(io.Discard, conn) })
			t.Cleanup(func() { _ = conn.Close() })
		}
	})
	t.Cleanup(func() { _ = listener.Close() })
	return listener.Addr().String()
}

// sends opens a connection that stays silent after some bytes.
func sends(t *testing.T, addr, text string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

// TestServices_StopInSecondsWhoeverStaysSilent combines a silent collector, half requests of each kind on both
// listeners, a stream that its client does not read, and a silent Kafka. `docker stop` waits 10 s.
func TestServices_StopInSecondsWhoeverStaysSilent(t *testing.T) {
	for _, name := range []string{"order", "activity"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			program := stacktest.OrderProgram(t)
			if name == "activity" {
				program = stacktest.ActivityProgram(t)
			}
			s := stacktest.Serve(t, stacktest.Serving{
				Program: program, Kafka: silentPeer(t),
				Env: []string{"OTEL_EXPORTER_OTLP_ENDPOINT=http://" + silentPeer(t)},
			})
			for range 20 { // something for the collector
				if _, err := stacktest.Get("http://" + s.API + "/v1/orders"); err != nil {
					t.Fatal(err)
				}
			}
			if name == "order" {
				if status, err := stacktest.PlaceOrder("http://"+s.API, "a"); status != http.StatusCreated {
					t.Fatal(status, err)
				}
				sends(t, s.API, "POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: "+
					"application/json\r\nContent-Length: 90\r\n\r\n{\"currency\":")
			} else {
				sends(t, s.API, "GET /v1/activities/ORDER_CREATED/live HTTP/1.1\r\nHost: localhost\r\nAccept: "+
					"text/event-stream\r\n\r\n")
			}
			sends(t, s.API, "GET / HTTP/1.1\r\nHo")
			sends(t, s.Ops, "PUT /loglevel HTTP/1.1\r\nHost: localhost\r\nContent-Type: "+
				"application/json\r\nContent-Length: 90\r\n\r\n{")
			began := time.Now()
			s.Ends(syscall.SIGTERM, 30*time.Second)
			if took := time.Since(began); took > 9*time.Second {
				t.Errorf("it took %s to stop", took)
			}
			if !strings.Contains(s.Log(), "the collector did not accept the last traces") {
				t.Error("the log does not say that the last traces are lost")
			}
		})
	}
}

// TestOrder_AnswersWhatItAcceptedWhenItIsToldToStop checks under load that each stored order was answered, or that its
// connection broke before the request was sent completely.
func TestOrder_AnswersWhatItAcceptedWhenItIsToldToStop(t *testing.T) {
	broker := devbrokertest.Start(t, devbroker.Config{DataDir: t.TempDir()})
	s := stacktest.Serve(t, stacktest.Serving{Program: stacktest.OrderProgram(t), Kafka: broker.Addr()})
	var answered, broken atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var clients sync.WaitGroup
	for i := range 16 {
		clients.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				conn, err := net.Dial("tcp", s.API)
				if err != nil {
					return // it no longer listens
				}
				body := fmt.Sprintf(`{"reference":"%d-%d","currency":"EUR",`+
					`"lines":[{"sku":"a","quantity":1,"unit_price":1}]}`, i, n)
				_, _ = fmt.Fprintf(conn,
					"POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: "+
						"application/json\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
				text, _ := io.ReadAll(conn)
				_ = conn.Close()
				switch {
				case strings.HasPrefix(string(text), "HTTP/1.1 201 "):
					answered.Add(1)
				case len(text) == 0:
					broken.Add(1) // never accepted
				default:
					t.Errorf("answered %q", text)
				}
			}
		})
	}
	clocktest.Eventually(t, "orders are placed", func() bool { return answered.Load() > 200 })
	s.Ends(syscall.SIGTERM, 30*time.Second)
	clients.Wait()
	again := stacktest.Serve(t, stacktest.Serving{Program: s.Path, Data: s.Data, Kafka: broker.Addr()})
	var stored float64
	clocktest.Eventually(t, "what was stored is published", func() bool {
		stored = stacktest.Metric(t, again.Ops, "order_outbox_retained_messages")
		return stacktest.Metric(t, again.Ops, "order_outbox_backlog_messages") == 0
	})
	if int64(stored) != answered.Load() {
		t.Errorf("%d orders are stored, and %d were answered with 201; %d connections broke", int64(stored),
			answered.Load(), broken.Load())
	}
}

package stack_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ordertally/shared/kafka/devbroker"
)

// silentPeer takes connections, and what is sent to it, and never answers.
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

// stopping is a service at work with all the silent peers that there are.
type stopping struct {
	*piped
	log strings.Builder
}

// startStopping starts order or activity with its log in memory.
func startStopping(t *testing.T, name, broker string, env ...string) *stopping {
	t.Helper()
	path, err := orderProgram()
	if name == "activity" {
		path, err = activityPath()
	}
	if err != nil {
		t.Fatal(err)
	}
	s := &stopping{piped: &piped{t: t, api: freePort(t), ops: freePort(t), exited: make(chan struct{})}}
	s.cmd = exec.Command(path, "serve", "--data", filepath.Join(t.TempDir(), "data.db"), "--kafka", broker, "--listen",
		s.api, "--ops-listen", s.ops)
	s.cmd.Env = append(os.Environ(), env...)
	s.cmd.Stderr = &s.log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.exited)
	}()
	t.Cleanup(func() {
		_ = s.cmd.Process.Kill()
		<-s.exited
		if t.Failed() {
			t.Logf("log:\n%s", s.log.String())
		}
	})
	eventually(t, 30*time.Second, name+" has started", func() bool {
		status, err := get("http://" + s.ops + "/startupz")
		return err == nil && status == http.StatusOK
	})
	return s
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

// TestServices_StopInSecondsWhoeverStaysSilent: a collector, half requests of each kind on both listeners, a stream
// whose client takes nothing, and a Kafka that does not answer, all at once; `docker stop` waits 10 s.
func TestServices_StopInSecondsWhoeverStaysSilent(t *testing.T) {
	for _, name := range []string{"order", "activity"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startStopping(t, name, silentPeer(t), "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+silentPeer(t))
			for range 20 { // something for the collector
				if _, err := get("http://" + s.api + "/v1/orders"); err != nil {
					t.Fatal(err)
				}
			}
			if name == "order" {
				if status, err := placeOrder("http://"+s.api, "a"); status != http.StatusCreated {
					t.Fatal(status, err)
				}
				sends(t, s.api, "POST /v1/orders HTTP/1.1\r\nHost: localhost\r\nContent-Type: "+
					"application/json\r\nContent-Length: 90\r\n\r\n{\"currency\":")
			} else {
				sends(t, s.api, "GET /v1/activities/ORDER_CREATED/live HTTP/1.1\r\nHost: localhost\r\nAccept: "+
					"text/event-stream\r\n\r\n")
			}
			sends(t, s.api, "GET / HTTP/1.1\r\nHo")
			sends(t, s.ops, "PUT /loglevel HTTP/1.1\r\nHost: localhost\r\nContent-Type: "+
				"application/json\r\nContent-Length: 90\r\n\r\n{")
			began := time.Now()
			s.ends(syscall.SIGTERM, 30*time.Second)
			if took := time.Since(began); took > 9*time.Second {
				t.Errorf("it took %s to stop", took)
			}
			if !strings.Contains(s.log.String(), "the collector did not accept the last traces") {
				t.Error("the log does not say that the last traces are lost")
			}
		})
	}
}

// TestOrder_AnswersWhatItAcceptedWhenItIsToldToStop: under load each order that was stored was answered, or its
// connection broke before it was sent whole.
func TestOrder_AnswersWhatItAcceptedWhenItIsToldToStop(t *testing.T) {
	broker, err := devbroker.Start(devbroker.Config{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = broker.Stop() })
	s := startStopping(t, "order", broker.Addr())
	var answered, broken atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var clients sync.WaitGroup
	for i := range 16 {
		clients.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				conn, err := net.Dial("tcp", s.api)
				if err != nil {
					return // it listens no more
				}
				body := fmt.Sprintf(`{"reference":"%d-%d","currency":"EUR","lines":[{"sku":"a","quantity":1,"unit_price":1}]}`, i, n)
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
	eventually(t, 30*time.Second, "orders are placed", func() bool { return answered.Load() > 200 })
	s.ends(syscall.SIGTERM, 30*time.Second)
	clients.Wait()
	again := serve(t, s.cmd.Args[3], broker.Addr())
	var stored float64
	eventually(t, 30*time.Second, "what was stored is published", func() bool {
		stored = metric(t, again.ops, "order_outbox_retained_messages")
		return metric(t, again.ops, "order_outbox_backlog_messages") == 0
	})
	if int64(stored) != answered.Load() {
		t.Errorf("%d orders are stored, and %d were answered with 201; %d connections broke", int64(stored),
			answered.Load(), broken.Load())
	}
}

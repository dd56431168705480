package orderapi_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"ordertally/order"
	"ordertally/order/ack"
	"ordertally/order/admission"
	"ordertally/order/orderapi"
	"ordertally/order/orderstore"
	"ordertally/shared/auth"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/outbox"
	"ordertally/shared/service/telemetry/tracing"
	"ordertally/shared/web"
)

const benchConnections = 256

var benchBody = []byte(`{"reference":"536365","customer_id":"17850","currency":"GBP","lines":[` +
	`{"sku":"85123A","description":"WHITE HANGING HEART T-LIGHT HOLDER","quantity":6,"unit_price":255},` +
	`{"sku":"71053","description":"WHITE METAL LANTERN","quantity":6,"unit_price":339},` +
	`{"sku":"84406B","description":"CREAM CUPID HEARTS COAT HANGER","quantity":8,"unit_price":275}]}`)

func benchStore(b testing.TB) (*boltdb.DB, order.Store) {
	b.Helper()
	db, err := boltdb.Open(filepath.Join(b.TempDir(), "order.db"), boltdb.Options{Format: orderstore.Format})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	box, err := outbox.Open(b.Context(), db, outbox.Config{Source: event.Source, Content: orderstore.Content})
	if err != nil {
		b.Fatal(err)
	}
	store, err := orderstore.Open(b.Context(), db, box, clock.System{}, prometheus.NewRegistry())
	if err != nil {
		b.Fatal(err)
	}
	return db, store
}

func serve(b testing.TB, store order.Store, guard *auth.Guard) (address string) {
	b.Helper()
	placement, err := order.NewOrders(store, clock.System{})
	if err != nil {
		b.Fatal(err)
	}
	front := web.Front{Metrics: web.NewMetrics(prometheus.NewRegistry()), Tracing: &tracing.Tracing{},
		Logger: zerolog.New(io.Discard)}
	handler := front.Wrap(orderapi.New(orderapi.Config{
		Orders: placement, Store: store, Logger: zerolog.Nop(), Guard: guard, Limiter: ratelimit.Unlimited(),
		Gate: admission.Unlimited(),
		Acks: ack.New(ack.Config{}, nil, prometheus.NewRegistry()), // local, so it asks nobody
	}))
	server := web.New(web.Config{Addr: "127.0.0.1:0", Handler: handler}, zerolog.Nop())
	if err := server.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = server.Stop(ctx)
	})
	return server.Addr()
}

// hammer places orders for d and returns the rate per second.
func hammer(b *testing.B, address, credential string, d time.Duration) float64 {
	b.Helper()
	var placed atomic.Int64
	var wait sync.WaitGroup
	start := time.Now()
	for range benchConnections {
		wait.Go(func() {
			for conn, err := dial(address, credential); time.Since(start) < d; {
				if err == nil {
					err = conn.place()
				}
				if err != nil {
					b.Error(err)
					return
				}
				placed.Add(1)
			}
		})
	}
	wait.Wait()
	return float64(placed.Load()) / time.Since(start).Seconds()
}

// conn is a client that costs little compared with the server. It sends one request at a time. Only the idempotency key
// changes from request to request.
type conn struct {
	net.Conn
	reader  *bufio.Reader
	request []byte
	keyAt   int
}

// benchKeys numbers the idempotency keys.
var benchKeys atomic.Int64

func benchKey() string { return fmt.Sprintf("key-%016x", uint64(benchKeys.Add(1))*0x9E3779B97F4A7C15) }

func dial(address, credential string) (*conn, error) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	key := benchKey()
	head := "Host: " + address + "\r\nIdempotency-Key: " + key
	if credential != "" {
		head += "\r\nAuthorization: Bearer " + credential
	}
	request := fmt.Appendf(nil, "POST /v1/orders HTTP/1.1\r\n%s\r\nContent-Type: application/json\r\nContent-Length: "+
		"%d\r\n\r\n%s",
		head, len(benchBody), benchBody)
	return &conn{Conn: c, reader: bufio.NewReader(c), request: request, keyAt: bytes.Index(request, []byte(key))}, nil
}

var contentLength = []byte("Content-Length: ")

func (c *conn) place() error {
	copy(c.request[c.keyAt:], benchKey())
	if _, err := c.Write(c.request); err != nil {
		return err
	}
	status, err := c.reader.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.Contains(status, []byte(strconv.Itoa(http.StatusCreated))) {
		return fmt.Errorf("answered %s", status)
	}
	length := 0
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			break
		}
		if value, found := bytes.CutPrefix(line, contentLength); found {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	_, err = io.CopyN(io.Discard, c.reader, int64(length))
	return err
}

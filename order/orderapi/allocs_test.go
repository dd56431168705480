package orderapi_test

import (
	"bufio"
	"bytes"
	"fmt"
	"math"
	"net"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
	"ordertally/shared/clock"
)

// usualBody is an order of three lines as a shop sends it, without what tells it from others.
const usualBody = `{"customer_id":"17850","reference":"536365","currency":"GBP","lines":[` +
	`{"sku":"85123A","description":"WHITE HANGING HEART T-LIGHT HOLDER","quantity":6,"unit_price":255},` +
	`{"sku":"71053","description":"WHITE METAL LANTERN","quantity":6,"unit_price":339},` +
	`{"sku":"84406B","description":"CREAM CUPID HEARTS COAT HANGER","quantity":8,"unit_price":275}]}`

// lone places orders over one connection, each with a key of its own, a customer and a credential. It allocates
// nothing itself.
type lone struct {
	conn    net.Conn
	reader  *bufio.Reader
	request []byte
	key     []byte // in request
	n       int64
}

const noKey = "0000000000000000"

// newLones returns n of them, all of one service.
func newLones(t testing.TB, n int) []*lone {
	t.Helper()
	db, store := benchStore(t)
	keys, err := auth.OpenKeys(t.Context(), db, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	address := serve(t, store, &auth.Guard{Keys: keys})
	credential := authtest.Key(t, keys, auth.OrdersWrite)
	lones := make([]*lone, n)
	for i := range lones {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		request := fmt.Appendf(nil, "POST /v1/orders HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n"+
			"Idempotency-Key: checkout-%s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", address,
			credential, noKey, len(usualBody), usualBody)
		at := bytes.Index(request, []byte(noKey))
		lones[i] = &lone{conn: conn, reader: bufio.NewReader(conn), request: request,
			key: request[at : at+len(noKey)], n: int64(i) << 32}
	}
	return lones
}

var created = []byte(" 201 ")

func (l *lone) place(t testing.TB) {
	l.n++
	digits := strconv.AppendInt(l.key[:0], l.n, 10)
	for i := len(digits); i < len(l.key); i++ {
		l.key[i] = '.'
	}
	if _, err := l.conn.Write(l.request); err != nil {
		t.Error(err)
		return
	}
	status, err := l.reader.ReadSlice('\n')
	if err != nil || !bytes.Contains(status, created) {
		t.Errorf("answered %s, %v", status, err)
		return
	}
	length := 0
	for {
		line, err := l.reader.ReadSlice('\n')
		if err != nil {
			t.Error(err)
			return
		}
		if len(line) == len("\r\n") {
			break
		}
		if value, found := bytes.CutPrefix(line, contentLength); found {
			length = 0
			for _, digit := range bytes.TrimSpace(value) {
				length = length*10 + int(digit-'0')
			}
		}
	}
	if _, err := l.reader.Discard(length); err != nil {
		t.Error(err)
	}
}

// each places orders over all connections at once.
func each(t testing.TB, lones []*lone, orders int) {
	var wait sync.WaitGroup
	for _, l := range lones {
		wait.Go(func() {
			for range orders {
				l.place(t)
			}
		})
	}
	wait.Wait()
}

// BenchmarkAllocations tells what an order costs over HTTP with key, customer and credential, among 64 connections.
//
//	go test -run - -bench Allocations -benchtime 300x ./order/orderapi
func BenchmarkAllocations(b *testing.B) {
	const connections = 64
	lones := newLones(b, connections)
	each(b, lones, 20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	spent := processorTime(b)
	b.ResetTimer()
	each(b, lones, b.N)
	b.StopTimer()
	runtime.ReadMemStats(&after)
	orders := float64(b.N * connections)
	b.ReportMetric(float64(processorTime(b)-spent)/orders/1e3, "cpu-us/order")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/orders, "allocs/order")
	b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/orders, "bytes/order")
	b.ReportMetric(0, "ns/op")
}

// processorTime is that of the whole process, so the clients count too.
func processorTime(t testing.TB) time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// The bound is for the whole process: net/http, the commits, and what runs beside them. Orders that come at once share
// a commit, which takes some two hundred allocations however many they are. On a busy machine few share one, so the
// least of some rounds counts. It is 73 on an idle machine, and some 90 with the race detector, which drops a quarter
// of what is put into a sync.Pool.
func TestPlace_AllocatesLittle(t *testing.T) {
	const connections, orders, rounds, bound = 64, 40, 5, 96
	lones := newLones(t, connections)
	each(t, lones, 20)
	least := uint64(math.MaxUint64)
	for round := 0; round < rounds && least > bound; round++ {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		each(t, lones, orders)
		runtime.ReadMemStats(&after)
		least = min(least, (after.Mallocs-before.Mallocs)/(connections*orders))
	}
	if least > bound {
		t.Errorf("an order takes %d allocations, more than %d", least, bound)
	} else {
		t.Logf("an order takes %d allocations", least)
	}
}

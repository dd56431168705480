package faults_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"ordertally/order"
	"ordertally/order/orderstore"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/event"
	"ordertally/shared/outbox"
	"ordertally/stack/stacktest"
)

// waitingEnv is the number of waiting orders in TestOrder_NeedsLittleMemoryWhileKafkaIsAway, 50,000 unless set.
const waitingEnv = "WAITING_ORDERS"

// TestOrder_NeedsLittleMemoryWhileKafkaIsAway starts `order serve` without Kafka: once with an empty file, and once
// with many waiting orders. It places some more. The second run may need at most 64 MiB more memory, without the mapped
// file.
func TestOrder_NeedsLittleMemoryWhileKafkaIsAway(t *testing.T) {
	waiting, limit := 50_000, 64<<20
	if text := os.Getenv(waitingEnv); text != "" {
		var err error
		if waiting, err = strconv.Atoi(text); err != nil {
			t.Fatalf("%s: %v", waitingEnv, err)
		}
	}
	const placed = 50_000 // over HTTP; several times what the relay's queue may hold
	dir := t.TempDir()
	program := stacktest.OrderProgram(t)
	if waiting < placed {
		t.Fatalf("%s is %d, want at least %d", waitingEnv, waiting, placed)
	}
	none := serveAway(t, program, filepath.Join(dir, "none.db"), 0, 0)
	full := filepath.Join(dir, "full.db")
	fillOrders(t, full, waiting-placed)
	some := serveAway(t, program, full, waiting, placed)
	t.Logf("most memory without the file: %d MiB with none waiting, %d MiB with %d", none>>20, some>>20, waiting)
	if some-none > limit {
		t.Errorf("%d orders waiting need %d MiB more, want at most %d", waiting, (some-none)>>20, limit>>20)
	}
}

// fillOrders places n orders in a new file, without a relay.
func fillOrders(t *testing.T, file string, n int) {
	t.Helper()
	db, err := boltdb.Open(file, boltdb.Options{Format: orderstore.Format})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	box, err := outbox.Open(t.Context(), db, outbox.Config{Source: event.Source, Content: orderstore.Content})
	if err != nil {
		t.Fatal(err)
	}
	store, err := orderstore.Open(t.Context(), db, box, clock.System{}, prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	placement, err := order.NewOrders(store, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	placeMany(t, n, 1000, func(body []byte) error {
		_, err := placement.Place(t.Context(), body, "", order.Origin{Backfill: true})
		return err
	})
}

const threeLines = `"currency":"GBP","metadata":{"country":"United Kingdom"},"lines":[` +
	`{"sku":"85123A","description":"WHITE HANGING HEART T-LIGHT HOLDER","quantity":6,"unit_price":255},` +
	`{"sku":"84406B","description":"CREAM CUPID HEARTS COAT HANGER","quantity":8,"unit_price":275},` +
	`{"sku":"22752","description":"SET 7 BABUSHKA NESTING BOXES","quantity":2,"unit_price":765}]}`

// placeMany calls place n times from that many goroutines, with orders whose messages have about 500 bytes.
func placeMany(t *testing.T, n, goroutines int, place func(body []byte) error) {
	t.Helper()
	numbers := make(chan int)
	var placing sync.WaitGroup
	for range goroutines {
		placing.Go(func() {
			for i := range numbers {
				body := fmt.Appendf(nil, `{"reference":"%d",`+threeLines, i)
				if err := place(body); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range n {
		numbers <- i
	}
	close(numbers)
	placing.Wait()
}

// serveAway runs the service with an unreachable broker and places orders. It returns the peak memory in bytes, without
// the mapping of the file. waiting is how many orders must wait in the end.
func serveAway(t *testing.T, program, file string, waiting, placed int) (most int) {
	t.Helper()
	api, ops := stacktest.FreePort(t), stacktest.FreePort(t)
	p := stacktest.Run(t, stacktest.Serving{Program: program, Args: []string{
		"serve", "--data", file, "--kafka", stacktest.Nowhere, "--listen", api, "--ops-listen", ops,
		"--gc-percent", "100", // what is in use is to be seen, not what garbage may gather
	}})
	defer p.Kill()
	look := func() { most = max(most, memory(t, p.Cmd.Process.Pid, file)) }
	clocktest.Eventually(t, "order is ready", func() bool {
		look()
		return stacktest.Healthy("http://" + ops + "/readyz")
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		client := http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
		defer client.CloseIdleConnections()
		placeMany(t, placed, 64, func(body []byte) error {
			response, err := client.Post("http://"+api+"/v1/orders", "application/json", bytes.NewReader(body))
			if err != nil {
				return err
			}
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
			if response.StatusCode != http.StatusCreated {
				return fmt.Errorf("placing: %s", response.Status)
			}
			return nil
		})
	}()
	clocktest.Within(t, 5*time.Minute, "all are placed", func() bool {
		look()
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
	if waiting > 0 {
		tries := stacktest.Metric(t, ops, "order_outbox_publish_failures_total")
		clocktest.Eventually(t, "the relay has tried again to reach Kafka", func() bool {
			look()
			return stacktest.Metric(t, ops, "order_outbox_publish_failures_total") > tries
		})
	}
	if backlog := stacktest.Metric(t, ops, "order_outbox_backlog_messages"); backlog != float64(waiting) {
		t.Errorf("%v orders wait, want %d", backlog, waiting)
	}
	return most
}

// memory returns a process's resident bytes, without the mapping of file.
func memory(t *testing.T, pid int, file string) int {
	t.Helper()
	smaps, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		t.Fatal(err)
	}
	total, counts := 0, true
	for lines := bufio.NewScanner(bytes.NewReader(smaps)); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		switch {
		case len(fields) > 0 && !strings.HasSuffix(fields[0], ":"): // the head of a mapping
			counts = fields[len(fields)-1] != file
		case counts && len(fields) == 3 && fields[0] == "Rss:":
			kilobytes, err := strconv.Atoi(fields[1])
			if err != nil {
				t.Fatal(err)
			}
			total += kilobytes << 10
		}
	}
	return total
}

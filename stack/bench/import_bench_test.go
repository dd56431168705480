package bench_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/order/orderstore"
	"ordertally/order/retail"
	"ordertally/shared/auth"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/settings/secret"
	"ordertally/stack/stacktest"
)

// manyInvoices writes a file with n invoices: those of the sample, again and again under other numbers.
func manyInvoices(b *testing.B, n int) (path string) {
	b.Helper()
	text, err := os.ReadFile("../../testdata/online-retail/2010-12-01.csv")
	if err != nil {
		b.Fatal(err)
	}
	header, rows, _ := strings.Cut(string(text), "\n")
	var out strings.Builder
	out.WriteString(header + "\n")
	for copied, made := 0, 0; made < n; copied++ {
		last := ""
		for row := range strings.Lines(rows) {
			invoice, rest, _ := strings.Cut(row, ",")
			if strings.HasPrefix(invoice, "C") {
				continue
			}
			if invoice != last {
				if made++; made > n {
					break
				}
				last = invoice
			}
			out.WriteString(strconv.Itoa(copied) + "x" + invoice + "," + rest)
		}
	}
	path = filepath.Join(b.TempDir(), "invoices.csv")
	if err := os.WriteFile(path, []byte(out.String()), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// BenchmarkImport imports invoices from a file, and places the same orders with single requests over 64 connections, in
// turn, each time at a service with an empty file. Client and service share the cores. ORDERTALLY_INVOICES is how many
// there are, 20,000 by default.
//
//	go test -run - -bench BenchmarkImport -benchtime 1x ./stack/bench
func BenchmarkImport(b *testing.B) {
	const rounds, connections = 3, 64
	n := 20_000
	if text := os.Getenv("ORDERTALLY_INVOICES"); text != "" {
		n, _ = strconv.Atoi(text)
	}
	path := manyInvoices(b, n)
	file, err := os.Open(path)
	if err != nil {
		b.Fatal(err)
	}
	reading, err := retail.Read([]retail.Source{{Name: path, Reader: file}}, retail.Dialect{})
	_ = file.Close()
	if err != nil {
		b.Fatal(err)
	}
	serve := func() (*stacktest.Program, *orders.Client) {
		data := filepath.Join(b.TempDir(), "order.db")
		key := importKey(b, data)
		service := stacktest.Serve(b, stacktest.Serving{Program: stacktest.OrderProgram(b), Data: data})
		c, err := orders.New(client.Config{URL: service.URL(), Credential: secret.New(key)})
		if err != nil {
			b.Fatal(err)
		}
		return service, c
	}
	rate := map[string]float64{}
	measure := func(name string, place func(*orders.Client) int) {
		service, c := serve()
		began := time.Now()
		placed := place(c)
		took := time.Since(began)
		used := cpuOf(b, service)
		if placed != len(reading.Invoices) {
			b.Fatalf("%s: %d placed of %d", name, placed, len(reading.Invoices))
		}
		b.Logf("%s: %.0f/s, %v of the service's CPU each", name, float64(placed)/took.Seconds(),
			(used / time.Duration(placed)).Round(100*time.Nanosecond))
		rate[name] += float64(placed) / took.Seconds() / rounds
		service.Kill()
	}
	for range b.N {
		for range rounds {
			measure("single", func(c *orders.Client) int { return placeSingly(b, c, reading.Invoices, connections) })
			for _, concurrency := range []int{1, 8} {
				measure(fmt.Sprint("import-", concurrency), func(c *orders.Client) int {
					summary, err := retail.Import(b.Context(), []string{path}, c,
						retail.Options{Concurrency: concurrency})
					if err != nil {
						b.Fatal(err)
					}
					return summary.Placed
				})
			}
		}
	}
	for _, name := range []string{"import-1", "import-8"} {
		b.ReportMetric(rate[name], name+"/s")
		b.ReportMetric(rate[name]/rate["single"], name+"/single")
	}
	b.ReportMetric(0, "ns/op")
}

// placeSingly places orders with one request each.
func placeSingly(b *testing.B, c *orders.Client, invoices []retail.Invoice, connections int) int {
	b.Helper()
	var next, placed atomic.Int64
	var done sync.WaitGroup
	for range connections {
		done.Go(func() {
			for i := int(next.Add(1)) - 1; i < len(invoices); i = int(next.Add(1)) - 1 {
				params := orders.PlaceOrderParams{IdempotencyKey: retail.KeyPrefix + invoices[i].Number}
				if _, err := c.PlaceOrder(b.Context(), params, invoices[i].Draft); err != nil {
					b.Error(err)
					return
				}
				placed.Add(1)
			}
		})
	}
	done.Wait()
	return int(placed.Load())
}

// importKey makes a key in a new file.
func importKey(b *testing.B, path string) (credential string) {
	b.Helper()
	db, err := boltdb.Open(path, boltdb.Options{Format: orderstore.Format})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	keys, err := auth.OpenKeys(b.Context(), db, clock.System{})
	if err != nil {
		b.Fatal(err)
	}
	_, credential, err = keys.New(b.Context(), "import", []string{auth.OrdersWrite, auth.OrdersBackfill}, time.Time{})
	if err != nil {
		b.Fatal(err)
	}
	return credential
}

// cpuOf is the processor time that a program has used so far.
func cpuOf(b *testing.B, p *stacktest.Program) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.Cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	return time.Duration(user+system) * 10 * time.Millisecond // ticks of a hundredth of a second
}

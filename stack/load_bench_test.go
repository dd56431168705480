package stack_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// pin puts every thread of this process on one core; threads that come later inherit it.
func pin(b *testing.B, core int) {
	b.Helper()
	if runtime.NumCPU() < 2 {
		b.Skip("SKIPPED: client and server need a core each")
	}
	set := func(cores ...int) {
		var mask unix.CPUSet
		for _, c := range cores {
			mask.Set(c)
		}
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			b.Skip("SKIPPED: needs /proc")
		}
		for _, thread := range threads {
			id, _ := strconv.Atoi(thread.Name())
			_ = unix.SchedSetaffinity(id, &mask) // one that has just ended
		}
	}
	set(core)
	b.Cleanup(func() {
		var all []int
		for c := range runtime.NumCPU() {
			all = append(all, c)
		}
		set(all...)
	})
}

// loaded is an order program on a core of its own, without Kafka.
type loaded struct {
	addr, ops, data string
	cmd             *exec.Cmd
}

func startLoaded(b *testing.B, args ...string) *loaded {
	b.Helper()
	order, err := orderProgram()
	if err != nil {
		b.Fatal(err)
	}
	l := &loaded{addr: freePort(b), ops: freePort(b), data: filepath.Join(b.TempDir(), "order.db")}
	l.cmd = exec.Command("taskset", append([]string{
		"-c", "0", order, "serve", "--listen", l.addr, "--ops-listen", l.ops, "--data", l.data, "--kafka", "127.0.0.1:1",
	}, args...)...)
	if err := l.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.cmd.Process.Kill(); _ = l.cmd.Wait() })
	eventually(b, 30*time.Second, "order answers", func() bool { status, err := get("http://" + l.ops + "/readyz"); return err == nil && status == 200 })
	return l
}

// peak is the most memory that the program had, in bytes.
func (l *loaded) peak(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.cmd.Process.Pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if fields := strings.Fields(line); len(fields) > 1 && fields[0] == "VmHWM:" {
			kilobytes, _ := strconv.ParseFloat(fields[1], 64)
			return kilobytes * 1024
		}
	}
	b.Fatal("no VmHWM")
	return 0
}

// placed is what the program says it stored.
func (l *loaded) placed(b *testing.B) int64 {
	b.Helper()
	return int64(metric(b, l.ops, "order_placed_total"))
}

// placer is a connection that places one order at a time and costs little beside the server.
type placer struct {
	conn    net.Conn
	reader  *bufio.Reader
	request []byte
}

const loadBody = `{"reference":"536365","currency":"GBP","lines":[` +
	`{"sku":"85123A","description":"WHITE HANGING HEART T-LIGHT HOLDER","quantity":6,"unit_price":255},` +
	`{"sku":"71053","description":"WHITE METAL LANTERN","quantity":6,"unit_price":339},` +
	`{"sku":"84406B","description":"CREAM CUPID HEARTS COAT HANGER","quantity":8,"unit_price":275}]}`

func newPlacer(addr, credential string) (*placer, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	head := ""
	if credential != "" {
		head = "Authorization: Bearer " + credential + "\r\n"
	}
	return &placer{conn: conn, reader: bufio.NewReader(conn), request: fmt.Appendf(nil,
		"POST /v1/orders HTTP/1.1\r\nHost: order\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", head, len(loadBody), loadBody)}, nil
}

// place returns the answer's status.
func (p *placer) place() (int, error) {
	if _, err := p.conn.Write(p.request); err != nil {
		return 0, err
	}
	line, err := p.reader.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, err
	}
	length := 0
	for {
		line, err := p.reader.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if len(bytes.TrimSpace(line)) == 0 {
			break
		}
		if value, found := bytes.CutPrefix(line, []byte("Content-Length: ")); found {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return 0, err
			}
		}
	}
	_, err = p.reader.Discard(length)
	return status, err
}

// answers are what clients got.
type answers struct {
	mu     sync.Mutex
	status map[int]int
	took   []time.Duration // of those with 201
}

func (a *answers) p99() time.Duration {
	slices.Sort(a.took)
	return a.took[len(a.took)*99/100]
}

// load places with n clients until enough says so, and adds what they got to a.
func (a *answers) load(b *testing.B, addr, credential string, n int, enough func() bool) {
	b.Helper()
	var done sync.WaitGroup
	for range n {
		done.Go(func() {
			p, err := newPlacer(addr, credential)
			if err != nil {
				b.Error(err)
				return
			}
			defer func() { _ = p.conn.Close() }()
			status, took := map[int]int{}, []time.Duration(nil)
			for !enough() {
				began := time.Now()
				code, err := p.place()
				if err != nil {
					b.Error(err)
					break
				}
				status[code]++
				if code == 201 {
					took = append(took, time.Since(began))
				}
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			for code, n := range status {
				a.status[code] += n
			}
			a.took = append(a.took, took...)
		})
	}
	done.Wait()
}

func newAnswers() *answers { return &answers{status: map[int]int{}} }

func until(d time.Duration) func() bool {
	end := time.Now().Add(d)
	return func() bool { return time.Now().After(end) }
}

const goodClients = 64

// BenchmarkSlowloris has 64 clients place orders, in turn alone and beside 2,000 connections that send a header by the byte, and
// reports the ratio of the rates. The server has one core, the clients the other.
//
//	go test -run - -bench Slowloris -benchtime 1x ./stack
func BenchmarkSlowloris(b *testing.B) {
	pin(b, 1)
	l := startLoaded(b)
	const slow, rounds, span = 2000, 5, 4 * time.Second
	var alone, beside []float64
	rate := func() float64 {
		a := newAnswers()
		a.load(b, l.addr, "", goodClients, until(span))
		return float64(a.status[201]) / span.Seconds()
	}
	rate() // warm
	for range b.N {
		for range rounds {
			alone = append(alone, rate())
			stop := slowloris(b, l.addr, slow)
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

// slowloris opens n connections and keeps them open: each sends a byte of a header a second, and one that the server closes is opened again.
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

// BenchmarkFlood measures what 64 clients get alone, which takes all that the server has, then has ten times as many, and ten times as many
// placements, wait for nothing but their answers, and reports the 99th percentile of those admitted, as a ratio to that of the 64, what the rest got, and the
// most memory. Everything that was answered with 201 must be stored.
//
//	go test -run - -bench Flood -benchtime 1x ./stack
func BenchmarkFlood(b *testing.B) {
	pin(b, 1)
	l := startLoaded(b)
	const span, flood = 2 * time.Second, 2000
	warm := newAnswers()
	warm.load(b, l.addr, "", goodClients, until(span))
	for range b.N {
		lone, idle, flooded := newAnswers(), newAnswers(), newAnswers()
		lone.load(b, l.addr, "", 1, until(span))
		idle.load(b, l.addr, "", goodClients, until(span))
		capacity := float64(idle.status[201]) / span.Seconds()
		before := l.placed(b)
		var left atomic.Int64
		left.Store(int64(10 * capacity * span.Seconds()))
		began := time.Now()
		flooded.load(b, l.addr, "", flood, func() bool { return left.Add(-1) < 0 })
		took := time.Since(began).Seconds()
		if stored := l.placed(b) - before; stored != int64(flooded.status[201]) {
			b.Errorf("%d orders were answered with 201, and %d are stored", flooded.status[201], stored)
		}
		for code := range flooded.status {
			if code != 201 && code != 429 && code != 503 {
				b.Errorf("%d answers have the status %d", flooded.status[code], code)
			}
		}
		b.ReportMetric(capacity, "capacity/s")
		b.ReportMetric(float64(flooded.status[201]+flooded.status[429]+flooded.status[503])/took, "answered/s")
		b.ReportMetric(float64(flooded.status[201])/took, "admitted/s")
		b.ReportMetric(float64(flooded.status[429]+flooded.status[503]), "refused")
		b.ReportMetric(lone.p99().Seconds()*1000, "lone-p99-ms")
		b.ReportMetric(idle.p99().Seconds()*1000, "idle-p99-ms")
		b.ReportMetric(flooded.p99().Seconds()*1000, "flood-p99-ms")
		b.ReportMetric(flooded.p99().Seconds()/idle.p99().Seconds(), "flood/idle")
	}
	b.ReportMetric(l.peak(b)/(1<<20), "peak-MiB")
	b.ReportMetric(0, "ns/op")
}

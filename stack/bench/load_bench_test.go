package bench_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
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

	"ordertally/stack/stacktest"
)

// pin binds every thread of this process to one core. Later threads inherit that.
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
type loaded struct{ *stacktest.Program }

func startLoaded(b *testing.B, args ...string) loaded {
	b.Helper()
	return loaded{onCoreZero(b, stacktest.Serving{Program: stacktest.OrderProgram(b), Args: args})}
}

// onCoreZero serves with the log in a file, so that this process need not read it.
func onCoreZero(b *testing.B, s stacktest.Serving) *stacktest.Program {
	b.Helper()
	log, err := os.Create(filepath.Join(b.TempDir(), "log"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = log.Close() })
	s.Log, s.Under = log, []string{"taskset", "-c", "0"}
	return stacktest.Serve(b, s)
}

// peak is the most memory that the program had, in bytes.
func (l loaded) peak(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", l.Cmd.Process.Pid))
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
func (l loaded) placed(b *testing.B) int64 {
	b.Helper()
	return int64(stacktest.Metric(b, l.Ops, "order_placed_total"))
}

// placer is a connection that places one order at a time and costs little beside the server.
type placer struct {
	conn    net.Conn
	reader  *bufio.Reader
	request []byte
	keyAt   int // where the idempotency key stands, which each order has of its own
}

// loadKeys numbers the idempotency keys.
var loadKeys atomic.Int64

func loadKey() string { return fmt.Sprintf("key-%016x", uint64(loadKeys.Add(1))*0x9E3779B97F4A7C15) }

const loadBody = `{"reference":"536365","customer_id":"17850","currency":"GBP","lines":[` +
	`{"sku":"85123A","description":"WHITE HANGING HEART T-LIGHT HOLDER","quantity":6,"unit_price":255},` +
	`{"sku":"71053","description":"WHITE METAL LANTERN","quantity":6,"unit_price":339},` +
	`{"sku":"84406B","description":"CREAM CUPID HEARTS COAT HANGER","quantity":8,"unit_price":275}]}`

func newPlacer(addr, credential, body string) (*placer, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	key := loadKey()
	head := "Idempotency-Key: " + key + "\r\n"
	if credential != "" {
		head += "Authorization: Bearer " + credential + "\r\n"
	}
	request := fmt.Appendf(nil,
		"POST /v1/orders HTTP/1.1\r\nHost: order\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		head, len(body), body)
	return &placer{
		conn: conn, reader: bufio.NewReader(conn), request: request, keyAt: bytes.Index(request, []byte(key)),
	}, nil
}

// place returns the answer's status.
func (p *placer) place() (int, error) {
	copy(p.request[p.keyAt:], loadKey())
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

func (a *answers) add(status int, took time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status[status]++
	if status == 201 {
		a.took = append(a.took, took)
	}
}

func (a *answers) p99() time.Duration {
	slices.Sort(a.took)
	return a.took[len(a.took)*99/100]
}

// load places body with n clients until enough says so. Each client places again when it is answered. The answers are
// added to a.
func (a *answers) load(b *testing.B, addr, credential, body string, n int, enough func() bool) {
	b.Helper()
	var done sync.WaitGroup
	for range n {
		done.Go(func() {
			p, err := newPlacer(addr, credential, body)
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

// goodClients is enough to use the whole server. More clients get no more.
const goodClients = 64

package faults_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ordertally/shared/clock/clocktest"
	"ordertally/stack/stacktest"
)

// piped is a program whose log goes into a pipe of 4 KiB, which the test reads or not.
type piped struct {
	*stacktest.Program
	t       *testing.T
	log     *os.File // the end to read
	orders  bool     // the API takes orders
	path    string   // of a request that is always logged
	dropped string
	asked   int
	client  *http.Client
}

// pipedProgram starts order, activity or dev on free ports, and returns when it has started.
func pipedProgram(t *testing.T, name string, more ...string) *piped {
	t.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = read.Close() })
	if _, err := unix.FcntlInt(write.Fd(), unix.F_SETPIPE_SZ, 4096); err != nil {
		t.Fatal(err)
	}
	// A program that catches SIGHUP hands on its default, even if it was started with nohup itself.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGHUP)
	c := &piped{t: t, log: read, client: &http.Client{Timeout: 10 * time.Second}}
	s := stacktest.Serving{Log: write, Args: more}
	switch name {
	case "order":
		s.Program = stacktest.OrderProgram(t)
		c.orders, c.path, c.dropped = true, "/v1/orders", "order_log_lines_dropped_total"
		c.Program = stacktest.Serve(t, s)
	case "activity":
		s.Program = stacktest.ActivityProgram(t)
		c.path, c.dropped = "/v1/activities", "activity_log_lines_dropped_total"
		c.Program = stacktest.Serve(t, s)
	case "dev":
		s.Program = stacktest.DevProgram(t)
		c.orders, c.path, c.dropped = true, "/v1/orders", "order_log_lines_dropped_total"
		api, ops, free := stacktest.FreePort(t), stacktest.FreePort(t), "127.0.0.1:0"
		s.Args = append([]string{
			"dev", "--no-import", "--data", t.TempDir(), "--order-listen", api, "--order-ops-listen", ops,
			"--activity-listen", free, "--activity-ops-listen", free, "--kafka-listen", free,
		}, more...)
		c.Program = stacktest.Run(t, s)
		c.API, c.Ops = api, ops
		c.AwaitStart()
	}
	_ = write.Close() // the program has it
	return c
}

// ask makes n requests, each of which leaves a line in the log. All must be answered.
func (c *piped) ask(n int) {
	c.t.Helper()
	for range n {
		c.asked++
		response, err := c.client.Get("http://" + c.API + c.path)
		if err != nil {
			c.t.Fatalf("request %d: %v", c.asked, err)
		}
		_ = response.Body.Close()
	}
	if !c.orders {
		return
	}
	if status, err := stacktest.PlaceOrder("http://"+c.API, "a"); status != http.StatusCreated {
		c.t.Fatalf("%d, %v", status, err)
	}
}

// verbose has dev log every request, as the others do by themselves.
func (c *piped) verbose() {
	c.t.Helper()
	request, err := http.NewRequest(http.MethodPut, "http://"+c.Ops+"/loglevel", strings.NewReader(`{"level":"debug"}`))
	if err != nil {
		c.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := c.client.Do(request)
	if err != nil {
		c.t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		c.t.Fatal(response.Status)
	}
}

// lost is how many lines the program says to have dropped.
func (c *piped) lost() float64 {
	c.t.Helper()
	return stacktest.Metric(c.t, c.Ops, c.dropped)
}

// TestServices_LiveWhoeverReadsTheirLog has a reader stall, come back, and go away.
func TestServices_LiveWhoeverReadsTheirLog(t *testing.T) {
	for _, name := range []string{"order", "activity", "dev"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := pipedProgram(t, name)
			if c.lost() != 0 {
				t.Errorf("%v lines lost at the start", c.lost())
			}
			c.verbose()
			c.ask(100) // nobody reads: 4 KiB of these lines find room in the pipe
			if err := c.log.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			lines, seen := bufio.NewScanner(c.log), 0
			for seen < 100 && lines.Scan() { // the reader comes back
				if strings.Contains(lines.Text(), `"status":200`) {
					seen++
				}
			}
			if seen < 100 {
				t.Fatalf("the log has %d of 100 lines, then %v", seen, lines.Err())
			}
			_ = c.log.Close()
			c.ask(20)
			clocktest.Within(t, 10*time.Second, "the lines that nobody takes are counted", func() bool {
				c.ask(1) // of many lines like another some are left out
				return c.lost() > 0
			})
			if status, err := stacktest.Get("http://" + c.Ops + "/livez"); status != http.StatusOK {
				t.Errorf("/livez: %d, %v", status, err)
			}
			c.Ends(syscall.SIGTERM, 10*time.Second)
		})
	}
}

// TestServices_StopThoughNobodyReadsTheirLog checks that neither the rest of the log nor the last message keeps a
// process from ending.
func TestServices_StopThoughNobodyReadsTheirLog(t *testing.T) {
	for _, name := range []string{"order", "activity", "dev"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := pipedProgram(t, name)
			c.verbose()
			c.ask(100)
			c.Ends(syscall.SIGHUP, 10*time.Second)
		})
	}
}

// TestServices_KeepTheirLogFileWithoutAReader of standard error.
func TestServices_KeepTheirLogFileWithoutAReader(t *testing.T) {
	path := filepath.Join(t.TempDir(), "order.log")
	c := pipedProgram(t, "order", "--log-file", path)
	_ = c.log.Close()
	c.ask(20)
	c.Ends(syscall.SIGHUP, 10*time.Second)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), `"status":200`); n != 20 ||
		!strings.Contains(string(text), "order has stopped") {
		t.Errorf("the file has %d of 20 lines:\n%s", n, text)
	}
}

// TestServices_StayWhenStartedWithNohup checks that an ignored SIGHUP stays ignored.
func TestServices_StayWhenStartedWithNohup(t *testing.T) {
	nohup, err := exec.LookPath("nohup")
	if err != nil {
		t.Skip("SKIPPED: nohup is not installed")
	}
	c := stacktest.Serve(t, stacktest.Serving{Program: stacktest.OrderProgram(t), Under: []string{nohup}})
	if err := c.Cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	if status, err := stacktest.Get("http://" + c.Ops + "/livez"); status != http.StatusOK {
		t.Errorf("after SIGHUP: %d, %v", status, err)
	}
	c.Ends(syscall.SIGTERM, 10*time.Second)
}

// TestVerbs_EndQuietlyWithTheirReader, as any command in a pipe does.
func TestVerbs_EndQuietlyWithTheirReader(t *testing.T) {
	path := stacktest.OrderProgram(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{}, 1)
	answer := make(chan struct{})
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		<-answer
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"parked":[`+
			strings.TrimSuffix(strings.Repeat(
				`{"id":"01890a5d-ac96-774b-8000-000000000001","class":"too_large","reason":"r"},`, 200), ",")+`]}`)
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr strings.Builder
	cmd := exec.Command(path, "outbox", "ls", "-o", "ndjson", "--target", "http://"+listener.Addr().String())
	cmd.Stdout, cmd.Stderr = write, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = write.Close()
	<-asked
	_ = read.Close() // head has what it wants
	close(answer)
	err = cmd.Wait()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGPIPE || stderr.String() != "" {
		t.Errorf("%v, and on standard error %q; want SIGPIPE and nothing", err, &stderr)
	}
}

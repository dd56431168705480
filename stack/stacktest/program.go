package stacktest

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"ordertally/shared/clock/clocktest"
)

// Nowhere is the address of a Kafka that cannot be reached.
const Nowhere = "127.0.0.1:1"

// Serving tells how Serve starts a program. Only Program is required.
type Serving struct {
	Program string // its path
	Data    string // its file; "" means one in a new directory
	Kafka   string // "" means Nowhere
	// Host is where the API listens; "" means 127.0.0.1. The ops listener is always there.
	Host  string
	Args  []string // besides those for the fields above
	Env   []string // besides this process's
	Under []string // a command that runs the program, such as taskset -c 0
	Log   *os.File // takes the output; nil keeps it for Program.Log
}

// Program is a process that runs until it ends by itself or the test ends.
type Program struct {
	Path     string
	Data     string
	API, Ops string        // addresses of the listeners
	Exited   chan struct{} // closed when it has ended
	Cmd      *exec.Cmd

	t   testing.TB
	log output
}

// Serve starts a service program on free ports. It returns when the program says that it has started.
func Serve(t testing.TB, s Serving) *Program {
	t.Helper()
	api := FreePort(t)
	if s.Host != "" {
		_, port, _ := net.SplitHostPort(api)
		api = net.JoinHostPort(s.Host, port)
	}
	ops := FreePort(t)
	if s.Data == "" {
		s.Data = filepath.Join(t.TempDir(), "data.db")
	}
	if s.Kafka == "" {
		s.Kafka = Nowhere
	}
	s.Args = append([]string{
		"serve", "--listen", api, "--ops-listen", ops, "--data", s.Data, "--kafka", s.Kafka,
	}, s.Args...)
	p := Run(t, s)
	p.API, p.Ops = api, ops
	p.AwaitStart()
	return p
}

// Run starts a program with exactly its arguments. It ignores the addresses and the file in s.
func Run(t testing.TB, s Serving) *Program {
	t.Helper()
	command := append(append(append([]string{}, s.Under...), s.Program), s.Args...)
	p := &Program{
		t: t, Path: s.Program, Data: s.Data, Exited: make(chan struct{}), Cmd: exec.Command(command[0], command[1:]...),
	}
	p.Cmd.Env = append(os.Environ(), s.Env...)
	if s.Log != nil {
		p.Cmd.Stdout, p.Cmd.Stderr = s.Log, s.Log
	} else {
		p.Cmd.Stdout, p.Cmd.Stderr = &p.log, &p.log
	}
	if err := p.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.Exited)
		_ = p.Cmd.Wait() // its state tells how it ended
	}()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() && s.Log == nil {
			t.Logf("log of %s, which listens on %s, ends:\n%s", filepath.Base(p.Path), p.API, p.log.tail(10_000))
		}
	})
	return p
}

// AwaitStart returns when the service's ops listener says that it has started.
func (p *Program) AwaitStart() {
	p.t.Helper()
	clocktest.Eventually(p.t, filepath.Base(p.Path)+" has started", func() bool {
		select {
		case <-p.Exited:
			p.t.Fatalf("it ended with %v: %s", p.Cmd.ProcessState, p.Log())
		default:
		}
		status, err := Get("http://" + p.Ops + "/startupz")
		return err == nil && status == http.StatusOK
	})
}

// URL returns the base URL of the API.
func (p *Program) URL() string {
	_, port, _ := net.SplitHostPort(p.API)
	return "http://" + net.JoinHostPort("127.0.0.1", port)
}

// Log returns what the program has printed so far.
func (p *Program) Log() string { return p.log.tail(-1) }

// Kill kills the process if it still runs. It returns when the process is gone.
func (p *Program) Kill() {
	_ = p.Cmd.Process.Kill()
	<-p.Exited
}

// ExitCode waits for the process to end by itself. It returns -1 if a signal ended it.
func (p *Program) ExitCode(limit time.Duration) int {
	p.t.Helper()
	select {
	case <-p.Exited:
	case <-time.After(limit):
		p.t.Fatalf("%s still runs after %s", filepath.Base(p.Path), limit)
	}
	return p.Cmd.ProcessState.ExitCode()
}

// Ends sends a signal and expects an exit with 0 within the limit.
func (p *Program) Ends(signal syscall.Signal, limit time.Duration) {
	p.t.Helper()
	if err := p.Cmd.Process.Signal(signal); err != nil {
		p.t.Fatal(err)
	}
	began := time.Now()
	if code := p.ExitCode(limit); code != 0 {
		p.t.Errorf("after %v: ended with %d (%v), want 0", signal, code, p.Cmd.ProcessState)
	}
	p.t.Logf("%v: stopped in %s", signal, time.Since(began).Round(10*time.Millisecond))
}

// Command runs a verb. It returns the output, standard output before standard error, and the exit code. The code is -1
// if the verb does not end within a minute.
func Command(t testing.TB, env []string, path string, args ...string) (said string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), env...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !exited {
		t.Fatal(err)
	}
	if stderr.Len() > 0 {
		t.Logf("%s: %s", args[0], &stderr)
	}
	return stdout.String() + stderr.String(), cmd.ProcessState.ExitCode()
}

// ports are those that FreePort has picked in this process.
var ports sync.Map

// FreePort picks a port below the range of outgoing connections. In that range, a client that retries while the process
// is down could connect to itself and keep the port. It picks each port once.
func FreePort(t testing.TB) (address string) {
	t.Helper()
	const first, end, tries = 20_000, 32_768, 100
	var last error
	for range tries {
		port := first + rand.IntN(end-first)
		if _, given := ports.LoadOrStore(port, true); given {
			continue
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		listener, err := net.Listen("tcp", address)
		if err != nil {
			last = err
			continue
		}
		_ = listener.Close()
		return address
	}
	t.Fatal(last)
	return ""
}

// output keeps what a process prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// tail returns the last bytes, or all with -1.
func (o *output) tail(bytes int) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	all := o.text.Bytes()
	if bytes >= 0 && len(all) > bytes {
		all = all[len(all)-bytes:]
	}
	return string(all)
}

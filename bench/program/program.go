// Package program runs the services as processes of their own, and asks them how they are.
package program

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Nowhere is the address of a Kafka that cannot be reached.
const Nowhere = "127.0.0.1:1"

// Program is a service that runs.
type Program struct {
	API, Ops string // HOST:PORT of its listeners
	Data     string
	Key      string // an API key with all scopes that the benchmarks need
	// Started is how long it took from the start of the process until it was ready.
	Started time.Duration

	cmd    *exec.Cmd
	exited chan struct{}
	log    string // path
}

// Serve starts a service with the file data, which need not exist. It returns when the service is ready. An API key is
// made in the file before.
func Serve(ctx context.Context, binary, data, scopes, kafka string, args ...string) (*Program, error) {
	key, err := newKey(ctx, binary, data, scopes)
	if err != nil {
		return nil, err
	}
	return Start(ctx, binary, data, key, kafka, args...)
}

// Start is Serve with a key that the file has already, "" for none.
func Start(ctx context.Context, binary, data, key, kafka string, args ...string) (*Program, error) {
	api, err := freePort()
	if err != nil {
		return nil, err
	}
	ops, err := freePort()
	if err != nil {
		return nil, err
	}
	return Run(ctx, &Program{API: api, Ops: ops, Data: data, Key: key}, binary, append([]string{
		"serve", "--listen", api, "--ops-listen", ops, "--data", data, "--kafka", kafka,
	}, args...)...)
}

// Run starts a program with these arguments. It fills in p and returns when the program is ready.
func Run(ctx context.Context, p *Program, binary string, args ...string) (*Program, error) {
	log, err := os.CreateTemp(filepath.Dir(p.Data), "log-*")
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the process has its own handle
	p.log = log.Name()
	p.cmd = exec.Command(binary, args...) //nolint:gosec,noctx // what we built; it is stopped below
	p.cmd.Stdout, p.cmd.Stderr = log, log
	dieWithParent(p.cmd)
	p.exited = make(chan struct{})
	began := time.Now()
	if err := start(p.cmd, p.exited); err != nil {
		return nil, err
	}
	if err := p.awaitReady(ctx); err != nil {
		p.Kill()
		return nil, err
	}
	p.Started = time.Since(began)
	return p, nil
}

func newKey(ctx context.Context, binary, data, scopes string) (string, error) {
	//nolint:gosec // what we built
	out, err := exec.CommandContext(ctx, binary, "keys", "new", "shop", "--scopes", scopes, "--data", data, "-o",
		"json").CombinedOutput()
	var made struct{ Key string }
	if err == nil {
		err = json.Unmarshal(out[bytes.IndexByte(out, '{'):], &made)
	}
	if err != nil || made.Key == "" {
		return "", fmt.Errorf("make an API key: %w: %s", err, out)
	}
	return made.Key, nil
}

func (p *Program) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	again := time.NewTicker(time.Millisecond)
	defer again.Stop()
	for {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Ops+"/readyz", nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(r); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-again.C:
		case <-p.exited:
			return fmt.Errorf("%s ended with %v: %s", p.cmd.Path, p.cmd.ProcessState, p.LogTail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w: %s", p.cmd.Path, ctx.Err(), p.LogTail())
		}
	}
}

// LogTail returns the end of what the program has printed.
func (p *Program) LogTail() string {
	text, _ := os.ReadFile(p.log)
	return string(text[max(0, len(text)-2000):])
}

// Stop ends the program in an orderly way. An exit code other than 0 is an error.
func (p *Program) Stop() error {
	if p == nil {
		return nil
	}
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.exited:
	case <-time.After(time.Minute):
		p.Kill()
		return fmt.Errorf("%s did not stop: %s", p.cmd.Path, p.LogTail())
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with %d: %s", p.cmd.Path, code, p.LogTail())
	}
	return nil
}

// Kill ends it at once.
func (p *Program) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// CPU returns the processor time that the process has used.
func (p *Program) CPU() (time.Duration, error) { return CPUOf(p.cmd.Process.Pid) }

// CPUOf returns the processor time that a process has used.
func CPUOf(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(text), ") ")
	fields := strings.Fields(rest)
	if !found || len(fields) < 13 {
		return 0, errors.New("/proc/PID/stat is not as expected")
	}
	var ticks int64
	for _, field := range fields[11:13] { // utime and stime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, err
		}
		ticks += n
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on Linux
	return time.Duration(ticks) * tick, nil
}

// Metric sums the series of a metric: its values, or of a histogram its count.
func (p *Program) Metric(ctx context.Context, name string) (float64, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.Ops+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		return 0, err
	}
	family, found := families[name]
	if !found {
		return 0, fmt.Errorf("no metric %s on %s", name, p.Ops)
	}
	sum := 0.0
	for _, m := range family.GetMetric() {
		sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	return sum, nil
}

// Await returns when a metric has a value, or an error after limit.
func (p *Program) Await(ctx context.Context, name string, want float64, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	// A look costs the program some milliseconds of a processor. So it is looked for often only near the end.
	const often, seldom = 10 * time.Millisecond, 500 * time.Millisecond
	began, first := time.Now(), math.NaN()
	for {
		got, err := p.Metric(ctx, name)
		if err == nil && got == want {
			return nil
		}
		pause := often
		if err == nil && math.IsNaN(first) {
			began, first = time.Now(), got
		} else if err == nil && got != first {
			left := time.Duration(float64(time.Since(began)) * (want - got) / (got - first))
			pause = min(max(left/4, often), seldom)
		}
		select {
		case <-time.After(pause):
		case <-p.exited:
			return fmt.Errorf("%s ended: %s", p.cmd.Path, p.LogTail())
		case <-ctx.Done():
			return fmt.Errorf("%s is %v after %s, want %v: %w", name, got, limit, want, errors.Join(err, ctx.Err()))
		}
	}
}

// freePort picks a port that is free now.
func freePort() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it returns at once
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

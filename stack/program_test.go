package stack_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// programDir holds the built programs; TestMain removes it.
var programDir string

var makeProgramDir = sync.OnceValue(func() (err error) {
	programDir, err = os.MkdirTemp("", "programs")
	return err
})

// orderProgram and activityPath build bin/order and bin/activity once and return the path.
var (
	orderProgram = sync.OnceValues(func() (string, error) { return build("order", "ordertally/order/cmd/order") })
	activityPath = sync.OnceValues(func() (string,
		error) {
		return build("activity", "ordertally/activity/cmd/activity")
	})
)

// programs returns the paths of both.
func programs(t *testing.T) (order, activity string) {
	t.Helper()
	order, err := orderProgram()
	if err != nil {
		t.Fatal(err)
	}
	activity, err = activityPath()
	if err != nil {
		t.Fatal(err)
	}
	return order, activity
}

// running starts a program that runs until the test ends.
func running(t *testing.T, path string, args ...string) {
	t.Helper()
	cmd := exec.Command(path, args...)
	var log bytes.Buffer
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("log of %s:\n%s", path, &log)
		}
	})
}

func build(name, source string) (string, error) {
	if err := makeProgramDir(); err != nil {
		return "", err
	}
	path := filepath.Join(programDir, name)
	if output, err := exec.Command("go", "build", "-o", path, source).CombinedOutput(); err != nil {
		return "", errors.Join(err, errors.New(string(output)))
	}
	return path, nil
}

// program is a process of bin/order serve.
type program struct {
	t       *testing.T
	cmd     *exec.Cmd
	address string // of the API
	ops     string
	log     *bytes.Buffer // complete once exited is closed
	exited  chan struct{}
}

// serve starts `order serve` on free ports and returns when it answers.
func serve(t *testing.T, data, broker string) *program {
	t.Helper()
	path, err := orderProgram()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{t: t, address: freePort(t), ops: freePort(t), log: &bytes.Buffer{}, exited: make(chan struct{})}
	p.cmd = exec.Command(path, "serve", "--data", data, "--kafka", broker, "--listen", p.address, "--ops-listen", p.ops)
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.exited
		if t.Failed() {
			t.Logf("log of %s:\n%s", p.address, p.log)
		}
	})
	eventually(t, 30*time.Second, "order serve answers", func() bool {
		select {
		case <-p.exited:
			t.Fatalf("order serve ended: %s", p.log)
		default:
		}
		status, err := get("http://" + p.ops + "/readyz")
		return err == nil && status == 200
	})
	return p
}

func (p *program) url() string { return "http://" + p.address }

// exitCode waits for the process to end by itself.
func (p *program) exitCode(limit time.Duration) int {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), limit)
	defer cancel()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-ctx.Done():
		p.t.Fatalf("the process still runs after %s", limit)
		return 0
	}
}

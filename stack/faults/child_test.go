// Package faults_test shows what happens when something breaks: killed processes, forgetful brokers, damaged files,
// exhausted memory and descriptors, silent peers.
package faults_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/activity/activityd"
	"ordertally/order/orderd"
	"ordertally/shared/crashpoint"
	"ordertally/shared/service"
	"ordertally/stack/stacktest"
)

// childEnv makes this test binary run the services until it is killed. Its value is a childConfig.
const childEnv = "STACK_TEST_CHILD"

type childConfig struct {
	Order    orderd.Config
	Activity *activityd.Config // nil runs order alone
	// WithoutOrder runs activity alone.
	WithoutOrder bool
	Numbers      *numbersConfig // when set, numbers run and neither service
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		if err := runChild(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(stacktest.Main(m))
}

// runChild starts the services, reports that on standard output, and goes on until it is killed or its parent is gone.
// Each line on standard input arms a crash point.
func runChild(text string) error {
	var config childConfig
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		return err
	}
	logger := zerolog.New(os.Stderr).Level(zerolog.WarnLevel)
	ctx := context.Background()
	if config.Numbers != nil {
		return runNumbers(ctx, *config.Numbers)
	}
	var orderFailed, activityFailed <-chan struct{}
	var order *orderd.Service
	var activity *activityd.Service
	var err error
	if !config.WithoutOrder {
		if order, err = orderd.New(config.Order, logger); err != nil {
			return err
		}
		if err := order.Start(ctx); err != nil {
			return err
		}
		orderFailed = order.Failed()
	}
	if config.Activity != nil {
		if activity, err = activityd.New(*config.Activity, logger); err != nil {
			return err
		}
		if err := activity.Start(ctx); err != nil {
			return err
		}
		activityFailed = activity.Failed()
	}
	fmt.Fprintln(os.Stdout, "ready")
	select {
	case <-orderFailed:
		return order.Err()
	case <-activityFailed:
		return activity.Err()
	case <-obey():
		return nil
	}
}

// obey arms the crash points that the parent names. When the parent is gone, standard input ends and the channel is
// closed.
func obey() <-chan struct{} {
	parentGone := make(chan struct{})
	go func() {
		defer close(parentGone)
		for input := bufio.NewScanner(os.Stdin); input.Scan(); {
			crashpoint.Arm(input.Text())
		}
	}()
	return parentGone
}

// child is a process with both services, or only order. Its ports survive a restart.
type child struct {
	t         testing.TB
	config    childConfig
	addresses stacktest.Addresses
	output    func(line string) // if set, gets what the process prints after its first line
	process   *process          // nil after kill
}

// process is one life of a child.
type process struct {
	command *exec.Cmd
	input   io.Writer
	ready   chan struct{} // closed once the services listen
	ended   chan struct{}
}

func newChild(t testing.TB, dir, broker string) *child {
	t.Helper()
	a := stacktest.Addresses{
		Order: stacktest.FreePort(t), OrderOps: stacktest.FreePort(t),
		Activity: stacktest.FreePort(t), ActivityOps: stacktest.FreePort(t),
	}
	c := &child{t: t, addresses: a, config: childConfig{
		Order: orderd.Config{Config: service.Config{
			Listen: a.Order, OpsListen: a.OrderOps, Data: filepath.Join(dir, "order.db"), Kafka: []string{broker},
		}},
		Activity: &activityd.Config{Config: service.Config{
			Listen: a.Activity, OpsListen: a.ActivityOps, Data: filepath.Join(dir, "activity.db"),
			Kafka: []string{broker},
		}},
	}}
	t.Cleanup(c.kill)
	return c
}

// start returns when the services listen. env is added to the process's environment.
func (c *child) start(env ...string) {
	c.t.Helper()
	c.launch(env...)
	select {
	case <-c.process.ready:
	case <-c.process.ended:
		c.t.Fatalf("the services did not start: %v", c.process.command.ProcessState)
	case <-time.After(30 * time.Second):
		c.t.Fatal("the services did not start within 30 s")
	}
}

// launch starts the process without waiting for it.
func (c *child) launch(env ...string) {
	c.t.Helper()
	text, err := json.Marshal(c.config)
	if err != nil {
		c.t.Fatal(err)
	}
	p := &process{command: exec.Command(os.Args[0]), ready: make(chan struct{}), ended: make(chan struct{})}
	p.command.Env = append(append(os.Environ(), childEnv+"="+string(text)), env...)
	p.command.Stderr = os.Stderr
	output, printed, err := os.Pipe()
	if err != nil {
		c.t.Fatal(err)
	}
	p.command.Stdout = printed
	if p.input, err = p.command.StdinPipe(); err != nil {
		c.t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		c.t.Fatal(err)
	}
	_ = printed.Close() // the process has it
	go func() {
		defer close(p.ended)
		c.listen(output, p.ready)
		_ = p.command.Wait() // its state says how it ended
	}()
	c.process = p
}

// listen reads what the process prints until it ends. The first line says that the process is ready.
func (c *child) listen(output io.ReadCloser, ready chan<- struct{}) {
	defer func() { _ = output.Close() }()
	lines := bufio.NewScanner(output)
	if lines.Scan() {
		close(ready)
	}
	for lines.Scan() {
		if c.output != nil {
			c.output(lines.Text())
		}
	}
}

// kill ends the process like a power cut, as far as the process can tell.
func (c *child) kill() {
	if c.process == nil {
		return
	}
	_ = c.process.command.Process.Signal(syscall.SIGKILL)
	<-c.process.ended
	c.process = nil
}

func (c *child) orderURL() string { return "http://" + c.addresses.Order }

func (c *child) activityURL() string { return "http://" + c.addresses.Activity }

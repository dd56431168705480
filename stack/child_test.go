package stack_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/activity/activityd"
	"ordertally/order/orderd"
)

// childEnv makes this test binary run both services until it is killed, as childConfig says.
const childEnv = "STACK_TEST_CHILD"

type childConfig struct {
	Order    orderd.Config
	Activity activityd.Config
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		if err := runChild(text); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// runChild starts the services, says so on standard output and goes on until it is killed or its parent is gone.
func runChild(text string) error {
	var config childConfig
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		return err
	}
	logger := zerolog.New(os.Stderr).Level(zerolog.WarnLevel)
	order, err := orderd.New(config.Order, logger)
	if err != nil {
		return err
	}
	activity, err := activityd.New(config.Activity, logger)
	if err != nil {
		return err
	}
	ctx := context.Background()
	if err := order.Start(ctx); err != nil {
		return err
	}
	if err := activity.Start(ctx); err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, "ready")
	parentGone := make(chan struct{})
	go func() { // standard input ends with the parent
		defer close(parentGone)
		for input := bufio.NewScanner(os.Stdin); input.Scan(); {
		}
	}()
	select {
	case <-order.Failed():
		return order.Err()
	case <-activity.Failed():
		return activity.Err()
	case <-parentGone:
		return nil
	}
}

// child is a process with both services, on ports that stay the same when it is started again.
type child struct {
	t         testing.TB
	config    childConfig
	addresses addresses
	process   *exec.Cmd
}

func newChild(t testing.TB, dir, broker string) *child {
	t.Helper()
	a := addresses{freePort(t), freePort(t), freePort(t), freePort(t)}
	c := &child{t: t, addresses: a, config: childConfig{
		Order:    orderd.Config{Listen: a.order, OpsListen: a.orderOps, Data: filepath.Join(dir, "order.db"), Kafka: []string{broker}},
		Activity: activityd.Config{Listen: a.activity, OpsListen: a.activityOps, Data: filepath.Join(dir, "activity.db"), Kafka: []string{broker}},
	}}
	t.Cleanup(c.kill)
	return c
}

func freePort(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String()
}

// start returns when the services listen. env is added to the process's environment.
func (c *child) start(env ...string) {
	c.t.Helper()
	text, err := json.Marshal(c.config)
	if err != nil {
		c.t.Fatal(err)
	}
	process := exec.Command(os.Args[0])
	process.Env = append(append(os.Environ(), childEnv+"="+string(text)), env...)
	process.Stderr = os.Stderr
	if _, err := process.StdinPipe(); err != nil {
		c.t.Fatal(err)
	}
	output, err := process.StdoutPipe()
	if err != nil {
		c.t.Fatal(err)
	}
	if err := process.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.process = process
	ready := make(chan bool, 1)
	go func() {
		line, _ := bufio.NewReader(output).ReadString('\n')
		ready <- line == "ready\n"
	}()
	select {
	case ok := <-ready:
		if !ok {
			c.t.Fatalf("the services did not start: %v", process.Wait())
		}
	case <-time.After(30 * time.Second):
		c.t.Fatal("the services did not start within 30 s")
	}
}

// kill ends the process as a power switch would, as far as the process can tell.
func (c *child) kill() {
	if c.process == nil {
		return
	}
	_ = c.process.Process.Signal(syscall.SIGKILL)
	_ = c.process.Wait()
	c.process = nil
}

func (c *child) orderURL() string    { return "http://" + c.addresses.order }
func (c *child) activityURL() string { return "http://" + c.addresses.activity }

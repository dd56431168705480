package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// stopPatience is how long Stop waits before it kills. An orderly end takes about half a second.
const stopPatience = 30 * time.Second

// Options of a broker.
type Options struct {
	// Dir holds the broker's data, its settings (server.properties) and its log (kafka.log). It is created if missing.
	// In the directory of an earlier broker of this package, the broker continues with that data. Required.
	Dir string
	// Port for clients. Default 0: any free one.
	Port int
	// Config adds broker settings, or replaces those of this package. These are: topics are not created automatically,
	// everything has one replica, offsets and transactions have five partitions each, and groups form without delay. A
	// killed broker counts as dead after 3 s. By default its successor would wait 9 s.
	Config map[string]string
	// AsShipped runs Java as Kafka's own scripts do: with a heap of 1 GB, G1, and the compiler that makes the fastest
	// code. The broker then needs half a minute of work before it is at its best. By default it has half of that
	// memory and only the quick compiler, so that a test starts sooner.
	AsShipped bool

	member *member // in a cluster; nil for a single broker
}

// Kafka is a broker in its own process. The process is killed when this one ends, however that happens (Linux only).
// Its methods are safe for concurrent use. Those that start or end the process run one after the other.
type Kafka struct {
	dir     string
	java    string
	jars    string
	port    int
	logFile string
	shipped bool
	member  *member

	mu      sync.Mutex
	process *process // nil if none was started since the last one ended
}

// Start starts a broker and returns when it answers clients. ctx bounds the start, not the broker's life. If the broker
// does not start, the error ends with the last lines of its log. The first start on a machine copies the jars, see
// [Jars].
func Start(ctx context.Context, options Options) (*Kafka, error) {
	if options.Dir == "" {
		return nil, errors.New("start Apache Kafka: Options.Dir is empty: give a directory for its data")
	}
	dir, err := filepath.Abs(options.Dir)
	if err != nil {
		return nil, fmt.Errorf("start Apache Kafka: %w", err)
	}
	java, err := findJava(ctx)
	if err != nil {
		return nil, fmt.Errorf("start Apache Kafka: %w", err)
	}
	jars, err := Jars(ctx)
	if err != nil {
		return nil, err
	}
	k := &Kafka{
		dir:     dir,
		java:    java,
		jars:    jars,
		port:    options.Port,
		logFile: filepath.Join(dir, "kafka.log"),
		shipped: options.AsShipped,
		member:  options.member,
	}
	if err := k.configure(ctx, options.Config); err != nil {
		return nil, fmt.Errorf("start Apache Kafka in %s: %w", dir, err)
	}
	return k, k.start(ctx)
}

// configure makes the directory, writes server.properties and, in a new directory, formats the storage.
func (k *Kafka) configure(ctx context.Context, config map[string]string) error {
	if err := os.MkdirAll(k.dir, 0o750); err != nil {
		return err
	}
	controllerPort, err := freePort()
	if err != nil {
		return err
	}
	if k.member != nil {
		controllerPort = k.member.controllerPort
	}
	if k.port == 0 {
		if k.port, err = freePort(controllerPort); err != nil {
			return err
		}
	}
	data := filepath.Join(k.dir, "data")
	text, err := properties(settingsOf(k.member, data, k.port, controllerPort), config)
	if err != nil {
		return err
	}
	if err := os.WriteFile(k.settingsFile(), text, 0o600); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(data, "meta.properties")); err == nil {
		return nil // formatted before
	}
	return k.format(ctx)
}

// Addr returns HOST:PORT for a client's bootstrap servers. Restart does not change it.
func (k *Kafka) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(k.port)) }

// PID returns the id of the broker's process, or 0 if none runs.
func (k *Kafka) PID() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.process == nil {
		return 0
	}
	return k.process.cmd.Process.Pid
}

// Stop ends the broker in an orderly way and returns when the process has ended. A broker that does not end within 30 s
// is killed, which is an error. Stop does nothing if the broker is not running.
func (k *Kafka) Stop() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.process
	if p == nil {
		return nil
	}
	k.process = nil
	p.signal(syscall.SIGTERM)
	p.signal(syscall.SIGCONT) // a paused process would not obey
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopPatience):
		p.kill()
		return fmt.Errorf("stop Apache Kafka in %s: still running after %s, so it was killed; its log ends:\n%s",
			k.dir, stopPatience, k.logTail())
	}
}

// Kill ends the process as kill -9 does, paused or not. It returns when the process has ended.
func (k *Kafka) Kill() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.process != nil {
		k.process.kill()
		k.process = nil
	}
}

// Restart stops the broker if it runs, and starts it again with its data, settings and address. It returns when the
// broker answers clients. ctx bounds the start.
func (k *Kafka) Restart(ctx context.Context) error {
	if err := k.Stop(); err != nil {
		return err
	}
	return k.start(ctx)
}

// Pause freezes the process: connections stay open and nothing answers. Resume ends the pause.
func (k *Kafka) Pause() { k.signal(syscall.SIGSTOP) }

// Resume continues a paused process.
func (k *Kafka) Resume() { k.signal(syscall.SIGCONT) }

func (k *Kafka) signal(s syscall.Signal) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.process != nil {
		k.process.signal(s)
	}
}

func (k *Kafka) settingsFile() string { return filepath.Join(k.dir, "server.properties") }

// Package devbroker is a Kafka broker inside the process, for development and for fast tests.
//
// It speaks the real wire protocol, with transactions and groups. With a data directory it keeps what it acknowledged
// over a restart: every batch is fsynced before it is answered. It is franz-go's kfake with one broker, without TLS or
// SASL.
//
// It does not promise Apache Kafka's exactly-once: a kill in the middle of a commit can keep a transaction's records
// without its committed offset. It creates no topic by itself. Programs do that through the admin API, with the
// settings that they need. It obeys a topic's max.message.bytes (default 1,048,588 bytes).
package devbroker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"

	"github.com/gofrs/flock"
	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kfake"
)

// Config of a broker. The zero value listens on a free port of 127.0.0.1 and keeps everything in memory.
type Config struct {
	// Listen is HOST:PORT. Port 0 picks a free one. Default "127.0.0.1:0". Clients are told this address, so it must
	// not stand for all interfaces (empty, 0.0.0.0, ::).
	Listen string
	// DataDir keeps topics, records and group offsets over a restart. It is created if it is missing. Only one process
	// at a time may use it. Default "": memory only.
	DataDir string
	// Log takes the broker's warnings. The zero value writes none.
	Log zerolog.Logger
}

// Broker is a running broker. Its methods are safe for concurrent use.
type Broker struct {
	cluster *kfake.Cluster
	lock    *flock.Flock // nil in memory
	addr    string
	log     *brokerLog
	stop    func() error
}

// Start starts a broker. It listens before it returns. If the port is in use, the error names the address. If another
// process uses the data directory, the error names the directory.
func Start(cfg Config) (*Broker, error) {
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if err := checkListen(cfg.Listen); err != nil {
		return nil, err
	}
	b := &Broker{log: &brokerLog{to: cfg.Log}}
	options := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ClusterID("ordertally-dev"),
		kfake.WithLogger(b.log),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) {
			//nolint:noctx // kfake gives no context, and listening does not block
			l, err := net.Listen(network, cfg.Listen)
			if err != nil {
				return nil, err // the error names the address already
			}
			b.addr = l.Addr().String()
			return guardedListener{l}, nil
		}),
	}
	if cfg.DataDir != "" {
		lock, err := lockDir(cfg.DataDir)
		if err != nil {
			return nil, err
		}
		b.lock = lock
		options = append(options, kfake.DataDir(cfg.DataDir), kfake.SyncWrites())
	}
	cluster, err := kfake.NewCluster(options...)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start dev broker: %w", err), b.unlock())
	}
	b.cluster = cluster
	b.stop = sync.OnceValue(b.close)
	return b, nil
}

// Addr returns the HOST:PORT for a client's bootstrap servers.
func (b *Broker) Addr() string { return b.addr }

// Stop closes the listener and all connections, writes what a clean start needs, and releases the data directory. The
// error says what could not be written. A later call returns the same as the first.
func (b *Broker) Stop() error { return b.stop() }

func (b *Broker) close() error {
	b.log.collect()
	b.cluster.Close()
	var failed error
	if err := b.log.collected(); err != nil {
		failed = fmt.Errorf("stop dev broker: %w", err)
	}
	return errors.Join(failed, b.unlock())
}

func (b *Broker) unlock() error {
	if b.lock == nil {
		return nil
	}
	if err := b.lock.Unlock(); err != nil {
		return fmt.Errorf("release %s: %w", b.lock.Path(), err)
	}
	return nil
}

func checkListen(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("dev broker: listen address %q is not HOST:PORT: %w", address, err)
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return fmt.Errorf("dev broker: listen address %q means every interface, and clients could not be told where to"+
			" connect: give one host, such as 127.0.0.1", address)
	}
	return nil
}

// lockDir creates the directory and locks it for this process. kfake itself would let two processes write the same
// files.
func lockDir(dir string) (*flock.Flock, error) {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return nil, fmt.Errorf("make the dev broker's data directory: %w", err)
	}
	lock := flock.New(filepath.Join(dir, "lock"))
	taken, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the dev broker's data directory %s: %w", dir, err)
	}
	if !taken {
		return nil, fmt.Errorf("the dev broker's data directory %s is in use by another process: stop that one or give"+
			" another directory", dir)
	}
	return lock, nil
}

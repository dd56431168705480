package kafka

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// quickJava bounds the heap, and has only the quick compiler. With it a broker starts in three quarters of the time.
func quickJava() []string { return []string{"-Xmx512m", "-XX:TieredStopAtLevel=1"} }

// shippedJava is what Kafka's kafka-server-start.sh and kafka-run-class.sh set.
func shippedJava() []string {
	return []string{
		"-Xmx1G", "-Xms1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
		"-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent", "-Djava.awt.headless=true",
	}
}

// args returns the arguments of Java that run a class of Kafka.
func (k *Kafka) args(options []string, class string, args ...string) []string {
	return slices.Concat(options, []string{"-Dorg.apache.logging.log4j.level=INFO", "-cp", k.jars, class}, args)
}

func newClusterID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // never fails
	id[0] &= 0x7f           // an id that begins with a dash would look like an option
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// format initialises the storage under a new cluster id.
func (k *Kafka) format(ctx context.Context) error {
	id := newClusterID()
	if k.member != nil {
		id = k.member.cluster
	}
	args := k.args(quickJava(), "kafka.tools.StorageTool", "format", "--cluster-id", id, "--config", k.settingsFile())
	cmd := exec.CommandContext(ctx, k.java, args...) //nolint:gosec // the machine's own Java and our jars
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("format the storage: %w:\n%s", err, lastLines(out))
	}
	return nil
}

// start starts the process and waits until it answers.
func (k *Kafka) start(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.process != nil {
		return fmt.Errorf("start Apache Kafka in %s: it runs already", k.dir)
	}
	log, err := os.OpenFile(k.logFile, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("start Apache Kafka: %w", err)
	}
	defer func() { _ = log.Close() }() // the process has its own handle
	options := quickJava()
	if k.shipped {
		options = shippedJava()
	}
	args := k.args(options, "kafka.Kafka", k.settingsFile())
	cmd := exec.Command(k.java, args...) //nolint:gosec,noctx // the machine's own Java and our jars; it outlives ctx
	cmd.Stdout, cmd.Stderr = log, log
	p, err := startProcess(cmd)
	if err != nil {
		return fmt.Errorf("start Apache Kafka: %w", err)
	}
	began := time.Now()
	if err := waitReady(ctx, p, k.Addr()); err != nil {
		p.kill()
		return fmt.Errorf("start Apache Kafka in %s (port %d): %w after %s; its log ends:\n%s",
			k.dir, k.port, err, time.Since(began).Round(100*time.Millisecond), k.logTail())
	}
	k.process = p
	return nil
}

// startPatience bounds a start, whatever the caller's context allows. A broker that is not up by then hangs. A start
// usually takes three seconds.
const startPatience = 2 * time.Minute

// waitReady polls the cluster's metadata until the broker is in it. The broker is there once it may lead partitions.
func waitReady(ctx context.Context, p *process, addr string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startPatience, errors.New("it does not answer"))
	defer cancel()
	ctx, release := p.whileRunning(ctx)
	defer release()

	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RequestRetries(0),
		kgo.RequestTimeoutOverhead(2*time.Second))
	if err != nil {
		return err
	}
	defer client.Close()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		metadata, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, client)
		if err == nil && len(metadata.Brokers) > 0 {
			return nil
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// streams is a Kafka Streams program that counts events by day, each once, with exactly_once_v2.
type streams struct{ classpath string }

// buildStreams compiles it. Maven gets what it needs.
func (b *bench) buildStreams(ctx context.Context) (*streams, error) {
	dir, err := b.newDir()
	if err != nil {
		return nil, err
	}
	jars := filepath.Join(dir, "jars")
	//nolint:gosec // ours
	cmd := exec.CommandContext(ctx, "mvn", "--batch-mode", "--quiet", "--file", "streams/pom.xml",
		"-Dout="+dir, "compile", "dependency:copy-dependencies", "-DoutputDirectory="+jars)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the Kafka Streams program: %w: %s", err, out)
	}
	return &streams{filepath.Join(dir, "classes") + ":" + filepath.Join(jars, "*")}, nil
}

// countWithStreams returns the events a second, from the start of the process until it has counted the last, and the
// processor time an event, in microseconds.
func (b *bench) countWithStreams(ctx context.Context, s *streams, broker string) (rate, cpu float64, err error) {
	dir, err := b.newDir()
	if err != nil {
		return 0, 0, err
	}
	ctx, cancel := context.WithTimeout(ctx, drainLimit)
	defer cancel()
	//nolint:gosec // ours
	cmd := exec.CommandContext(ctx, "java", "-Xmx1g", "-cp", s.classpath, "ordertally.Count", broker, ingestTopic,
		strconv.Itoa(b.events), dir)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	said, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	line, _ := bufio.NewReader(said).ReadString('\n')
	took := time.Since(began)
	if err := cmd.Wait(); err != nil || line != "counted\n" {
		return 0, 0, errors.Join(fmt.Errorf("the Kafka Streams program said %q: %s", line, &complaints), err)
	}
	used := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return float64(b.events) / took.Seconds(), float64(used.Microseconds()) / float64(b.events), nil
}

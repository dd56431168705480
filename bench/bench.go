package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"ordertally/bench/bare"
	"ordertally/bench/report"
	"ordertally/bench/stores"
	"ordertally/stack/kafka"
)

// row is one question.
type row struct {
	name, title string
	about       string // what is measured, for the page
	full        bool   // only with -full
	larger      bool   // -full measures more: peers, or as many orders as the goals are for
	once        bool   // not in rounds
	run         func(ctx context.Context, b *bench, r *report.Row) error
}

// rows returns all rows, in the order in which they are measured.
func rows() []row {
	return []row{
		{name: "store", title: "orders stored", larger: true, run: measureStores,
			about: "Writers place orders in a store, each the next one when the last is on the disk. Peers store " +
				"the same records: the order, its message, its key and its customer. \"Naive Update\" is bbolt " +
				"with a transaction an order. Pebble is an LSM tree, which groups the writers' syncs."},
		{name: "full-file", title: "orders stored in a file that has many already", larger: true, run: measureFull,
			about: "64 writers place orders in a file with many orders, keys and customers, and in an empty one. " +
				"Each turn of the full file begins cold: none of it is in memory."},
		{name: "ready", title: "the start with many orders in the file", larger: true, run: measureReady,
			about: "From the start of the process until the order service is ready. None of its file is in memory."},
		{name: "size", title: "bytes in the file an order", once: true, run: measureSize,
			about: "What the file takes for an order, its message, its key, its customer and its reference."},
		{name: "http", title: "orders placed over HTTP", run: measureHTTP,
			about: "Connections place orders, each the next one when the last is answered. The service that stores " +
				"nothing has the same router, credentials, checks and answers: no store can make it faster."},
		{name: "drain", title: "waiting messages published to Kafka", run: measureDrain,
			about: "From the start of an order service whose messages all wait until Kafka has the last. The bare " +
				"producer sends as many records from memory."},
		{name: "lone", title: "a lone order, until a reader of Kafka has it", run: measureLone,
			about: "One order at a time, from its 201 until a reader of committed records has it."},
		{name: "forward", title: "orders stored and published, beside another outbox", full: true, larger: true,
			run: measureForward,
			about: "Orders are stored with their messages, and the messages come to Kafka. The peer is Watermill's " +
				"SQL forwarder with PostgreSQL."},
		{name: "counted", title: "an order, from its 201 until it is counted", run: measureCounted,
			about: "order, Kafka and activity run together. First without a pause, which is the sustained rate. " +
				"Then at half of that rate, where each order is timed."},
		{name: "ingest", title: "events counted from Kafka", larger: true, run: measureIngest,
			about: "From the start of an activity service until it has counted the last record of a topic, each " +
				"once, and that is on the disk. The bare reader does nothing with the records."},
		{name: "range", title: "ranges of 400 days answered", run: measureRange,
			about: "Two callers ask activity for 400 days of statistics, day by day, without a pause."},
		{name: "import", title: "invoices imported from a file", larger: true, run: measureImport,
			about: "`order import` from its start to its end, beside orders of as many lines over 64 connections, " +
				"with one request each."},
	}
}

// bench is what the rows share. Programs are built and Kafka is started when the first row needs them.
type bench struct {
	options
	stderr io.Writer
	dir    string // for files; removed at the end

	built map[string]string
	kafka *kafka.Kafka
	// The file with many orders, once a row has made it, and the numbers that orders have there.
	filled      string
	fillNumbers *stores.Numbers
}

// root is the directory of the product's module. The module of the benchmarks stands in it.
const root = ".."

func newBench(o options, stderr io.Writer) (*bench, error) {
	dir, err := os.MkdirTemp(o.dir, "ordertally-bench-")
	if err != nil {
		return nil, err
	}
	return &bench{options: o, stderr: stderr, dir: dir, built: map[string]string{}}, nil
}

func (b *bench) close() error {
	if b.kafka != nil {
		b.kafka.Kill()
	}
	return os.RemoveAll(b.dir)
}

// newDir makes a directory for one row or one contestant.
func (b *bench) newDir() (string, error) { return os.MkdirTemp(b.dir, "") }

// program returns the path of a service's program, which is built once.
func (b *bench) program(ctx context.Context, source string) (string, error) {
	if path := b.built[source]; path != "" {
		return path, nil
	}
	path := filepath.Join(b.dir, filepath.Base(source))
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", path, source) //nolint:gosec // a program of ours
	cmd.Dir = root
	if output, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", source, err, output)
	}
	b.built[source] = path
	return path, nil
}

const (
	orderProgram    = "./order/cmd/order"
	activityProgram = "./activity/cmd/activity"
)

// broker returns the address of Apache Kafka, which runs as its own scripts start it, and is warm.
func (b *bench) broker(ctx context.Context) (string, error) {
	if b.kafka == nil {
		dir, err := b.newDir()
		if err != nil {
			return "", err
		}
		ctx, cancel := context.WithTimeout(ctx, 8*time.Minute) // enough for a first download of the jars
		defer cancel()
		if b.kafka, err = kafka.Start(ctx, kafka.Options{Dir: dir, AsShipped: true}); err != nil {
			return "", err
		}
		if err := bare.Warm(ctx, b.kafka.Addr(), b.warm); err != nil {
			return "", fmt.Errorf("warm up Apache Kafka: %w", err)
		}
	}
	return b.kafka.Addr(), nil
}

// contestant is one of those that take turns.
type contestant struct {
	name string
	turn func(ctx context.Context) error
}

// inTurn lets the contestants take turns: A B C, A B C ...
func (b *bench) inTurn(ctx context.Context, contestants ...contestant) error {
	for round := range b.rounds {
		for _, c := range contestants {
			if err := c.turn(ctx); err != nil {
				return fmt.Errorf("%s, round %d: %w", c.name, round+1, err)
			}
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	return nil
}

// opener opens a store in a directory.
type opener func(ctx context.Context, dir string) (stores.Store, error)

func openOrdertally(ctx context.Context, dir string) (stores.Store, error) {
	return stores.OpenOrdertally(ctx, dir)
}

// checkCount compares what a store has with what was answered, and closes it.
func checkCount(s stores.Store, want int64) error {
	n, err := s.Count()
	if err == nil && n != want {
		err = fmt.Errorf("%d orders are stored, and %d were answered", n, want)
	}
	return errors.Join(err, s.Close())
}

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/bench/bare"
	"ordertally/bench/program"
	"ordertally/bench/report"
	"ordertally/bench/stores"
)

const messagesPerSecond = "messages/s"

// measureDrain has an order service publish what waits in its file, from the start of the process until the last is
// published. A bare idempotent producer sends as many records of the same form from memory, from its start until the
// last is delivered. Each turn has a topic of its own.
func measureDrain(ctx context.Context, b *bench, r *report.Row) error {
	broker, err := b.broker(ctx)
	if err != nil {
		return err
	}
	binary, err := b.program(ctx, orderProgram)
	if err != nil {
		return err
	}
	file, err := b.waitingFile(ctx)
	if err != nil {
		return err
	}
	topics := 0
	topic := func() string { topics++; return fmt.Sprint("drain-", topics) }
	drain := func(ctx context.Context, record bool) error {
		if err := file.reset(); err != nil {
			return err
		}
		into := topic()
		if err := bare.CreateTopic(ctx, broker, into); err != nil {
			return err
		}
		began := time.Now()
		p, err := program.Start(ctx, binary, file.path, "", broker, "--topic", into)
		if err != nil {
			return err
		}
		defer p.Kill()
		if err := p.Await(ctx, "order_outbox_published_total", float64(b.messages), drainLimit); err != nil {
			return err
		}
		if record {
			r.Add("Ordertally", messagesPerSecond, float64(b.messages)/time.Since(began).Seconds())
		}
		return p.Stop()
	}
	send := func(name, compression string) contestant {
		return contestant{name, func(ctx context.Context) error {
			rate, err := b.sendBare(ctx, broker, topic(), compression)
			if err == nil {
				r.AddPeer(name, messagesPerSecond, rate)
			}
			return err
		}}
	}
	if err := drain(ctx, false); err != nil { // Kafka compiles meanwhile
		return err
	}
	const compressing = "bare producer with zstd"
	contestants := []contestant{send("bare producer", "none"), send(compressing, "zstd"),
		{"Ordertally", func(ctx context.Context) error { return drain(ctx, true) }}}
	r.Figures = append(r.Figures, report.Figure{Name: "of a bare idempotent producer", Series: "Ordertally",
		Of: "bare producer", Goal: .85, Peer: "a producer without an outbox"},
		report.Figure{Name: "of one that compresses as Ordertally does", Series: "Ordertally", Of: compressing})
	r.Note("%s messages. The bare producer keeps no promise: it does not care what a crash loses or sends twice.",
		report.Number(float64(b.messages)))
	return b.inTurn(ctx, contestants...)
}

// sendBare returns the messages a second of a bare producer.
func (b *bench) sendBare(ctx context.Context, broker, topic, compression string) (float64, error) {
	if err := bare.CreateTopic(ctx, broker, topic); err != nil {
		return 0, err
	}
	maker, records := bare.NewMaker(topic), make([]*confluent.Message, b.messages)
	for i := range records {
		records[i] = maker.Make(int64(i + 1))
	}
	began := time.Now()
	const linger = 5 * time.Millisecond
	producer, err := bare.Producer(broker, linger, compression)
	if err != nil {
		return 0, err
	}
	defer producer.Close()
	err = bare.Send(producer, records)
	return float64(b.messages) / time.Since(began).Seconds(), err
}

// savedFile is a file that can be set back to what it was. It stays the same file: a service checks the whole of a file
// that was copied to where it is.
type savedFile struct{ path, saved string }

// waitingFile makes an order file whose messages all wait.
func (b *bench) waitingFile(ctx context.Context) (*savedFile, error) {
	dir, err := b.newDir()
	if err != nil {
		return nil, err
	}
	store, err := stores.BuildOrdertally(ctx, dir)
	if err != nil {
		return nil, err
	}
	var numbers stores.Numbers
	if err := stores.Fill(ctx, store, &numbers, int64(b.messages)); err != nil {
		_ = store.Close() // the first error is told
		return nil, err
	}
	if err := checkCount(store, int64(b.messages)); err != nil {
		return nil, err
	}
	f := &savedFile{store.Path, store.Path + ".saved"}
	return f, copyFile(f.path, f.saved)
}

func (f *savedFile) reset() error { return copyFile(f.saved, f.path) }

// copyFile writes over to, if it exists, and returns when it is on the disk.
func copyFile(from, to string) error {
	in, err := os.Open(from) //nolint:gosec // ours
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // it was only read
	out, err := os.Create(to)         //nolint:gosec // ours
	if err != nil {
		return err
	}
	defer func() { _ = out.Close() }() // synced below
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return out.Sync()
}

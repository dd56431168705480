package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"ordertally/bench/bare"
	"ordertally/bench/program"
	"ordertally/bench/report"
)

const (
	eventsPerSecond = "events/s"
	statsScopes     = "stats:read"
	ingestTopic     = "ingest"
)

// measureIngest has an activity service count the records of a topic, from the start of the process until the last is
// counted and on the disk. In turn, a bare consumer reads the same records and does nothing with them.
func measureIngest(ctx context.Context, b *bench, r *report.Row) error {
	broker, err := b.broker(ctx)
	if err != nil {
		return err
	}
	binary, err := b.program(ctx, activityProgram)
	if err != nil {
		return err
	}
	if err := bare.Fill(ctx, broker, bare.NewMaker(ingestTopic), b.events); err != nil {
		return err
	}
	count := func(ctx context.Context) error {
		rate, cpu, err := b.countAll(ctx, binary, broker)
		if err == nil {
			r.Add("Ordertally", eventsPerSecond, rate)
			r.Add("CPU of Ordertally", "µs an event", cpu)
		}
		return err
	}
	read := func(context.Context) error {
		rate, err := readAll(broker, ingestTopic, b.events)
		if err == nil {
			r.AddPeer("bare reader", eventsPerSecond, rate)
		}
		return err
	}
	if _, err := readAll(broker, ingestTopic, b.events); err != nil { // Kafka compiles meanwhile
		return err
	}
	r.Figures = append(r.Figures,
		report.Figure{Name: "of a bare reader", Series: "Ordertally", Of: "bare reader", Goal: .65,
			Peer: "a reader that does nothing"},
		report.Figure{Name: "CPU", Series: "CPU of Ordertally"})
	r.Note("%s events, one an order.", report.Number(float64(b.events)))
	contestants := []contestant{{"bare reader", read}, {"Ordertally", count}}
	if b.full {
		const name = "Kafka Streams, exactly_once_v2, with deduplication"
		program, err := b.buildStreams(ctx)
		if err != nil {
			return err
		}
		contestants = append(contestants, contestant{name, func(ctx context.Context) error {
			rate, cpu, err := b.countWithStreams(ctx, program, broker)
			if err == nil {
				r.AddPeer(name, eventsPerSecond, rate)
				r.AddPeer("CPU of Kafka Streams", "µs an event", cpu)
			}
			return err
		}})
		r.Figures = append(r.Figures, report.Figure{Name: "of Kafka Streams", Series: "Ordertally", Of: name,
			Goal: 2.5, Peer: "Kafka Streams"})
	}
	return b.inTurn(ctx, contestants...)
}

// countAll returns the events a second that an activity service counts into a new file, and its processor time an
// event, in microseconds.
func (b *bench) countAll(ctx context.Context, binary, broker string) (rate, cpu float64, err error) {
	dir, err := b.newDir()
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	p, err := program.Start(ctx, binary, filepath.Join(dir, "activity.db"), "", broker, "--topic", ingestTopic)
	if err != nil {
		return 0, 0, err
	}
	defer p.Kill()
	if err := p.Await(ctx, "activity_counted_total", float64(b.events), drainLimit); err != nil {
		return 0, 0, err
	}
	rate = float64(b.events) / time.Since(began).Seconds()
	used, err := p.CPU()
	return rate, float64(used.Microseconds()) / float64(b.events), errors.Join(err, p.Stop())
}

// readAll returns the events a second of a consumer that does nothing with them.
func readAll(broker, topic string, events int) (rate float64, err error) {
	began := time.Now()
	reader, err := bare.NewReader(broker, topic)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	bytes := 0
	for range events {
		m, err := reader.Next()
		if err != nil {
			return 0, err
		}
		bytes += len(m.Value)
	}
	if bytes == 0 {
		return 0, fmt.Errorf("the records of topic %s are empty", topic)
	}
	return float64(events) / time.Since(began).Seconds(), nil
}

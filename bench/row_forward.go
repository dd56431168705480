package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"ordertally/bench/bare"
	"ordertally/bench/load"
	"ordertally/bench/program"
	"ordertally/bench/report"
	"ordertally/bench/stores"
)

const (
	forwardPeer    = "Watermill's SQL forwarder"
	forwardWriters = 64
	forwardLone    = 20 // orders a round whose delay is taken
)

// measureForward has 64 writers place orders that are stored and published to Kafka, and takes the time until a reader
// has the last. Then orders are placed one by one, and each is waited for. Ordertally is a service with HTTP and
// credentials. Its peer is in this process.
func measureForward(ctx context.Context, b *bench, r *report.Row) (err error) {
	broker, err := b.broker(ctx)
	if err != nil {
		return err
	}
	const ourTopic, peerTopic = "forward-ordertally", "forward-peer"
	ours, err := b.newForwarding(ctx, broker, ourTopic)
	if err != nil {
		return err
	}
	defer ours.reader.Close() //nolint:errcheck // it was only read
	dir, err := b.newDir()
	if err != nil {
		return err
	}
	binary, err := b.program(ctx, orderProgram)
	if err != nil {
		return err
	}
	p, err := program.Serve(ctx, binary, filepath.Join(dir, stores.File), placeScopes, broker, "--topic", ourTopic)
	if err != nil {
		return err
	}
	defer p.Kill()
	conns, err := load.Open(ctx, load.Target{Addr: p.API, Credential: p.Key}, forwardWriters)
	if err != nil {
		return err
	}
	defer conns.Close()
	ours.place = func(_ context.Context, writer int, n int64) error { return conns[writer].Place(n) }
	ours.idle = func(ctx context.Context) error { return p.Await(ctx, "order_outbox_backlog_messages", 0, drainLimit) }

	peer, err := b.newForwarding(ctx, broker, peerTopic)
	if err != nil {
		return err
	}
	defer peer.reader.Close() //nolint:errcheck // it was only read
	if dir, err = b.newDir(); err != nil {
		return err
	}
	store, err := openForwarder(ctx, dir, broker, peerTopic)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	peer.place = func(ctx context.Context, _ int, n int64) error { return store.Place(ctx, n) }
	peer.idle = func(context.Context) error { return nil }

	var contestants []contestant
	for _, f := range []struct {
		*forwarding
		name string
		add  func(name, unit string, value float64)
	}{{ours, "Ordertally", r.Add}, {peer, forwardPeer, r.AddPeer}} {
		if _, err := f.many(ctx, b.span/5); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		contestants = append(contestants, contestant{f.name, func(ctx context.Context) error {
			rate, err := f.many(ctx, b.span)
			if err != nil {
				return err
			}
			delay, err := f.lone(ctx)
			if err == nil {
				f.add(f.name, ordersPerSecond, rate)
				f.add("delay of "+f.name, milliseconds, delay)
			}
			return err
		}})
	}
	if err := b.inTurn(ctx, contestants...); err != nil {
		return err
	}
	r.Figures = append(r.Figures,
		report.Figure{Name: "stored and published, of " + forwardPeer, Series: "Ordertally", Of: forwardPeer,
			Peer: forwardPeer},
		report.Figure{Name: "commit to visible, of " + forwardPeer, Series: "delay of Ordertally",
			Of: "delay of " + forwardPeer, AtMost: true})
	r.Note("%d writers place without a pause, and the time ends when a reader of Kafka has the last order. The "+
		"delay is the median of %d orders a round that are alone. Ordertally takes its orders over HTTP; its peer "+
		"is a library in the same process, with PostgreSQL, and looks every 10 ms for new messages, of which it "+
		"takes 1,000 at once.",
		forwardWriters, forwardLone)
	if stored, err := store.Count(); err != nil || stored != peer.placed {
		return errors.Join(err, fmt.Errorf("%s has %d orders, and %d were placed", forwardPeer, stored, peer.placed))
	}
	stored, err := p.Metric(ctx, "order_outbox_published_total")
	if err == nil && stored != float64(ours.placed) {
		err = fmt.Errorf("%.0f orders are published, and %d were placed", stored, ours.placed)
	}
	return errors.Join(err, p.Stop())
}

// forwarding is a contestant whose orders come to a topic.
type forwarding struct {
	place   func(ctx context.Context, writer int, n int64) error
	idle    func(context.Context) error // waits until the next order would be alone
	reader  *bare.Reader
	numbers stores.Numbers
	placed  int64
}

func (b *bench) newForwarding(ctx context.Context, broker, topic string) (*forwarding, error) {
	if err := bare.CreateTopic(ctx, broker, topic); err != nil {
		return nil, err
	}
	reader, err := bare.NewReader(broker, topic)
	return &forwarding{reader: reader}, err
}

// many returns the orders a second that are placed and read from the topic.
func (f *forwarding) many(ctx context.Context, span time.Duration) (float64, error) {
	began := time.Now()
	wrote, err := stores.Turn(ctx, forwardWriters, &f.numbers, span, func(writer int, n int64) error {
		return f.place(ctx, writer, n)
	})
	if err != nil {
		return 0, err
	}
	placed := len(wrote.Latencies)
	f.placed += int64(placed)
	for range placed {
		if _, err := f.reader.Next(); err != nil {
			return 0, err
		}
	}
	return float64(placed) / time.Since(began).Seconds(), nil
}

// lone returns how many milliseconds after its commit an order is visible that is alone, as a median.
func (f *forwarding) lone(ctx context.Context) (float64, error) {
	var took []float64
	for range forwardLone {
		if err := f.idle(ctx); err != nil {
			return 0, err
		}
		if err := f.place(ctx, 0, f.numbers.Next()); err != nil {
			return 0, err
		}
		f.placed++
		committed := time.Now()
		if _, err := f.reader.Next(); err != nil {
			return 0, err
		}
		took = append(took, time.Since(committed).Seconds()*1000)
	}
	return report.Median(took), nil
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"ordertally/bench/bare"
	"ordertally/bench/load"
	"ordertally/bench/program"
	"ordertally/bench/report"
	"ordertally/bench/stores"
)

const (
	countedTopic       = "counted"
	countedConnections = 64
	// countedLook is how often the count is asked for, and so how exactly it is known when an order was counted.
	countedLook = 3 * time.Millisecond
)

// measureCounted places orders at half of the rate that order, Kafka and activity sustain together, and takes the time
// from the 201 until the statistics of the day have the order. The sustained rate is that of orders over 64 connections
// that never pause, until the last is counted.
func measureCounted(ctx context.Context, b *bench, r *report.Row) error {
	c, err := b.newCounted(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	if _, err := c.sustained(ctx, b.span/2); err != nil { // Kafka compiles meanwhile
		return err
	}
	var rates []float64
	for range b.rounds {
		rate, err := c.sustained(ctx, 2*b.span)
		if err != nil {
			return err
		}
		rates = append(rates, rate)
		r.Add("sustained", ordersPerSecond, rate)
	}
	half := report.Median(rates) / 2
	err = b.inTurn(ctx, contestant{"half", func(ctx context.Context) error {
		took, err := c.paced(ctx, half, 2*b.span)
		if err != nil {
			return err
		}
		slices.Sort(took)
		r.Add("p50", milliseconds, took[len(took)/2].Seconds()*1000)
		r.Add("p99", milliseconds, took[len(took)*99/100].Seconds()*1000)
		return nil
	}})
	if err != nil {
		return err
	}
	r.Figures = append(r.Figures,
		report.Figure{Name: "sustained rate of order, Kafka and activity together", Series: "sustained"},
		report.Figure{Name: "201 to counted, p50, at half of that rate", Series: "p50", Goal: 15, AtMost: true},
		report.Figure{Name: "201 to counted, p99, at half of that rate", Series: "p99", Goal: 50, AtMost: true})
	r.Note("Half of the rate was %s orders a second. The time is known to %s.", report.Number(half), countedLook)
	return c.check(ctx)
}

// counted is both services with Kafka between them.
type counted struct {
	order, activity *program.Program
	conns           load.Connections
	client          *http.Client
	numbers         stores.Numbers
	placed          int64
}

func (b *bench) newCounted(ctx context.Context) (*counted, error) {
	broker, err := b.broker(ctx)
	if err != nil {
		return nil, err
	}
	if err := bare.CreateTopic(ctx, broker, countedTopic); err != nil {
		return nil, err
	}
	dir, err := b.newDir()
	if err != nil {
		return nil, err
	}
	serve := func(source, file, scopes string) (*program.Program, error) {
		binary, err := b.program(ctx, source)
		if err != nil {
			return nil, err
		}
		return program.Serve(ctx, binary, filepath.Join(dir, file), scopes, broker, "--topic", countedTopic)
	}
	c := &counted{client: &http.Client{Timeout: time.Minute}}
	if c.order, err = serve(orderProgram, stores.File, placeScopes); err != nil {
		return nil, err
	}
	if c.activity, err = serve(activityProgram, "activity.db", statsScopes); err == nil {
		c.conns, err = load.Open(ctx, load.Target{Addr: c.order.API, Credential: c.order.Key}, countedConnections)
	}
	if err != nil {
		c.close()
	}
	return c, err
}

func (c *counted) close() {
	c.conns.Close()
	for _, p := range []*program.Program{c.order, c.activity} {
		if p != nil {
			p.Kill()
		}
	}
}

// sustained places without a pause and returns the orders a second, up to the moment when the last is counted.
func (c *counted) sustained(ctx context.Context, span time.Duration) (float64, error) {
	began := time.Now()
	wrote, err := c.conns.Place(ctx, &c.numbers, span)
	if err != nil {
		return 0, err
	}
	c.placed += int64(len(wrote.Latencies))
	err = c.activity.Await(ctx, "activity_counted_total", float64(c.placed), drainLimit)
	return float64(len(wrote.Latencies)) / time.Since(began).Seconds(), err
}

// sight is a look at the count.
type sight struct {
	at    time.Time
	count int64
}

// paced places at a rate and returns how long after its 201 each order was counted. The n-th 201 is taken to be the
// n-th that is counted. So the times of single orders may be exchanged, but not their sum.
func (c *counted) paced(ctx context.Context, rate float64, span time.Duration) ([]time.Duration, error) {
	before := c.placed
	looking, stop := context.WithCancel(ctx)
	sights, failed := make(chan []sight, 1), make(chan error, 1)
	go func() {
		seen, err := c.look(looking)
		failed <- err
		sights <- seen
	}()
	answered, err := c.placePaced(ctx, rate, span)
	c.placed += int64(len(answered))
	if err == nil {
		err = c.activity.Await(ctx, "activity_counted_total", float64(c.placed), drainLimit)
	}
	if err == nil {
		_, err = c.ask(ctx) // the last look is after the last count
	}
	stop()
	if err = errors.Join(err, <-failed); err != nil {
		return nil, err
	}
	seen := append(<-sights, sight{time.Now(), c.placed})
	if len(answered) == 0 {
		return nil, errors.New("no order was placed")
	}
	slices.SortFunc(answered, time.Time.Compare)
	took, next := make([]time.Duration, len(answered)), 0
	for i, at := range answered {
		for seen[next].count < before+int64(i)+1 {
			next++
		}
		took[i] = max(0, seen[next].at.Sub(at))
	}
	return took, nil
}

// placePaced places orders by the clock, each over a connection that is free, and returns the times of their 201s.
func (c *counted) placePaced(ctx context.Context, rate float64, span time.Duration) ([]time.Time, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	due := make(chan struct{}, int(rate*span.Seconds())+1)
	each := make([][]time.Time, len(c.conns))
	var placing sync.WaitGroup
	for i, conn := range c.conns {
		placing.Go(func() {
			for range due {
				if ctx.Err() != nil {
					return
				}
				if err := conn.Place(c.numbers.Next()); err != nil {
					cancel(err)
					return
				}
				each[i] = append(each[i], time.Now())
			}
		})
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	began, sent := time.Now(), 0
	for time.Since(began) < span && ctx.Err() == nil {
		<-tick.C
		for ; sent < int(time.Since(began).Seconds()*rate); sent++ {
			due <- struct{}{}
		}
	}
	close(due)
	placing.Wait()
	return slices.Concat(each...), context.Cause(ctx)
}

// look asks for the count until ctx ends.
func (c *counted) look(ctx context.Context) (seen []sight, err error) {
	tick := time.NewTicker(countedLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return seen, nil
		case <-tick.C:
		}
		count, err := c.ask(ctx)
		if ctx.Err() != nil {
			return seen, nil
		}
		if err != nil {
			return seen, err
		}
		seen = append(seen, sight{time.Now(), count})
	}
}

// ask returns how many orders today's statistics have.
func (c *counted) ask(ctx context.Context) (int64, error) {
	response, err := get(ctx, c.client, "http://"+c.activity.API+"/v1/activities/ORDER_CREATED/days/today?tz=UTC",
		c.activity.Key)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }() // it was read
	var day struct{ Count int64 }
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("today was answered %s", response.Status)
	}
	err = json.NewDecoder(response.Body).Decode(&day)
	return day.Count, err
}

// check compares what was counted with what was answered, and stops both.
func (c *counted) check(ctx context.Context) error {
	count, err := c.ask(ctx)
	if err == nil && count != c.placed {
		err = fmt.Errorf("%d orders are counted today, and %d were answered", count, c.placed)
	}
	return errors.Join(err, c.order.Stop(), c.activity.Stop())
}

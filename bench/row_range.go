package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"

	"ordertally/bench/bare"
	"ordertally/bench/program"
	"ordertally/bench/report"
	"ordertally/bench/stores"
)

const (
	rangeDays   = 400
	rangeTopic  = "range"
	rangeOrders = 1_000_000
	rangeShifts = 20
	askers      = 2
)

// measureRange asks an activity service, which has counted the orders of 400 days, for all of these days, and for the
// 400 days up to each of twenty days before today, from two callers that never pause. First nothing new is counted,
// then 50 orders of today arrive each second.
func measureRange(ctx context.Context, b *bench, r *report.Row) error {
	broker, err := b.broker(ctx)
	if err != nil {
		return err
	}
	binary, err := b.program(ctx, activityProgram)
	if err != nil {
		return err
	}
	dir, err := b.newDir()
	if err != nil {
		return err
	}
	orders := min(b.orders, rangeOrders)
	today := time.Now().UTC().Truncate(24 * time.Hour)
	first := today.AddDate(0, 0, 1-rangeDays)
	maker := bare.NewMaker(rangeTopic)
	step := time.Since(first) / time.Duration(orders)
	maker.At = func(n int64) time.Time { return first.Add(time.Duration(n-1) * step) }
	if err := bare.Fill(ctx, broker, maker, int(orders)); err != nil {
		return err
	}
	p, err := program.Serve(ctx, binary, filepath.Join(dir, "activity.db"), statsScopes, broker, "--topic", rangeTopic)
	if err != nil {
		return err
	}
	defer p.Kill()
	if err := p.Await(ctx, "activity_counted_total", float64(orders), drainLimit); err != nil {
		return err
	}
	question := func(n int64) string { // each begins and ends a day earlier than the one before
		earlier := -int(n % rangeShifts)
		return fmt.Sprintf("http://%s/v1/activities/ORDER_CREATED/days?from=%s&to=%s&tz=UTC", p.API,
			first.AddDate(0, 0, earlier).Format(time.DateOnly), today.AddDate(0, 0, earlier).Format(time.DateOnly))
	}
	count, err := askRange(ctx, question(0), p.Key)
	if err != nil || count != orders {
		return fmt.Errorf("the range has %d orders, want %d: %w", count, orders, err)
	}
	maker.At = func(int64) time.Time { return time.Now() }
	arriving := &arrivals{broker: broker, maker: maker, sent: orders}
	ask := func(name string, beside func(context.Context) error) contestant {
		return contestant{name, func(ctx context.Context) error {
			rate, err := b.askRanges(ctx, question, p.Key, beside)
			if err == nil {
				r.Add(name, "answers/s", rate)
			}
			return err
		}}
	}
	r.Figures = append(r.Figures, report.Figure{Name: "answers a second", Series: "nothing new", Goal: 500},
		report.Figure{Name: "while 50 orders a second arrive", Series: "orders arrive"})
	r.Note("%s orders on %d days, %d callers.", report.Number(float64(orders)), rangeDays, askers)
	if err := b.inTurn(ctx, ask("nothing new", nil), ask("orders arrive", arriving.run)); err != nil {
		return err
	}
	if err := p.Await(ctx, "activity_counted_total", float64(arriving.sent), drainLimit); err != nil {
		return err
	}
	if count, err = askRange(ctx, question(0), p.Key); err != nil || count != arriving.sent {
		return fmt.Errorf("the range has %d orders at the end, want %d: %w", count, arriving.sent, err)
	}
	return p.Stop()
}

// askRanges asks for a span of time and returns the answers a second.
func (b *bench) askRanges(ctx context.Context, question func(n int64) string, key string,
	beside func(context.Context) error) (float64, error) {
	besideCtx, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		if beside == nil {
			ended <- nil
			return
		}
		ended <- beside(besideCtx)
	}()
	var numbers stores.Numbers
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: askers, DisableCompression: true}}
	defer client.CloseIdleConnections()
	answered, err := stores.Turn(ctx, askers, &numbers, b.span, func(_ int, n int64) error {
		response, err := get(ctx, client, question(n), key)
		if err != nil {
			return err
		}
		size, err := io.Copy(io.Discard, response.Body)
		if err == nil && (size == 0 || response.StatusCode != http.StatusOK) {
			err = fmt.Errorf("%s was answered %s", question(n), response.Status)
		}
		return errors.Join(err, response.Body.Close())
	})
	stop()
	if err = errors.Join(err, <-ended); err != nil {
		return 0, err
	}
	return answered.Rate(), nil
}

// askRange returns how many orders a range has.
func askRange(ctx context.Context, url, key string) (count int64, err error) {
	response, err := get(ctx, http.DefaultClient, url, key)
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }() // it was read
	var answer struct{ Days []struct{ Count int64 } }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return 0, err
	}
	if len(answer.Days) != rangeDays {
		return 0, fmt.Errorf("%s was answered %s with %d days", url, response.Status, len(answer.Days))
	}
	for i := range answer.Days {
		count += answer.Days[i].Count
	}
	return count, nil
}

func get(ctx context.Context, client *http.Client, url, key string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	return client.Do(r)
}

// arrivals sends 50 orders a second.
type arrivals struct {
	broker string
	maker  *bare.Maker
	sent   int64
}

func (a *arrivals) run(ctx context.Context) error {
	producer, err := bare.Producer(a.broker, 0, "none")
	if err != nil {
		return err
	}
	defer producer.Close()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := bare.Send(producer, []*confluent.Message{a.maker.Make(a.sent + 1)}); err != nil {
			return err
		}
		a.sent++
	}
}

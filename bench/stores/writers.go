package stores

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Numbers gives each order its number, from 1 on.
type Numbers struct{ last atomic.Int64 }

// Next returns the next number.
func (n *Numbers) Next() int64 { return n.last.Add(1) }

// Skip leaves out so many numbers.
func (n *Numbers) Skip(many int64) { n.last.Add(many) }

// Wrote is what writers did.
type Wrote struct {
	Took      time.Duration
	Latencies []time.Duration // sorted
}

// Rate returns orders a second.
func (w *Wrote) Rate() float64 { return float64(len(w.Latencies)) / w.Took.Seconds() }

// Quantile returns the latency that a part of the orders did not exceed.
func (w *Wrote) Quantile(q float64) time.Duration {
	if len(w.Latencies) == 0 {
		return 0
	}
	return w.Latencies[min(int(q*float64(len(w.Latencies))), len(w.Latencies)-1)]
}

// Write places orders from so many writers for a span of time. Each places the next one when the last is stored.
func Write(ctx context.Context, s Store, numbers *Numbers, writers int, span time.Duration) (*Wrote, error) {
	return Turn(ctx, writers, numbers, span, func(_ int, n int64) error { return s.Place(ctx, n) })
}

// Turn has each of so many callers place one order after the other for a span of time. The first error ends the turn.
func Turn(ctx context.Context, callers int, numbers *Numbers, span time.Duration,
	place func(caller int, n int64) error) (*Wrote, error) {
	each := make([][]time.Duration, callers)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wait sync.WaitGroup
	began := time.Now()
	end := began.Add(span)
	for i := range callers {
		wait.Go(func() {
			for now := time.Now(); now.Before(end) && ctx.Err() == nil; {
				if err := place(i, numbers.Next()); err != nil {
					cancel(err)
					return
				}
				after := time.Now()
				each[i] = append(each[i], after.Sub(now))
				now = after
			}
		})
	}
	wait.Wait()
	took := time.Since(began)
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	all := slices.Concat(each...)
	slices.Sort(all)
	return &Wrote{took, all}, nil
}

// Fill places n orders from many writers.
func Fill(ctx context.Context, s Store, numbers *Numbers, n int64) error {
	const writers = 2048
	var left atomic.Int64
	left.Store(n)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wait sync.WaitGroup
	for range writers {
		wait.Go(func() {
			for left.Add(-1) >= 0 && ctx.Err() == nil {
				if err := s.Place(ctx, numbers.Next()); err != nil {
					cancel(err)
					return
				}
			}
		})
	}
	wait.Wait()
	return context.Cause(ctx)
}

package demo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sync/errgroup"

	"ordertally/client"
	"ordertally/client/orders"
)

const (
	daysBack    = 7 // before today
	concurrency = 8 // of requests while catching up

	// How long there may be no order before one of the busiest hour comes again.
	quietLeast, quietMost = 15 * time.Second, 45 * time.Second
	// The first comes soon, for somebody who has just opened the page.
	quietFirst = 5 * time.Second
)

// Shop places the demo's orders.
type Shop struct {
	schedule *schedule
	place    func(context.Context, *orders.OrderDraft) (placed bool, err error)
	logger   zerolog.Logger
	until    time.Time // up to then everything is placed
}

// New returns a shop that places orders with client. Its days are days in zone.
func New(client *orders.Client, zone *time.Location, logger zerolog.Logger) (*Shop, error) {
	schedule, err := newSchedule(zone)
	if err != nil {
		return nil, fmt.Errorf("demo orders: %w", err)
	}
	return &Shop{schedule: schedule, place: placeWith(client), logger: logger}, nil
}

// placeWith returns what places an order. An order that was placed before, or another one with its reference, is none
// that is placed: the zone of the days may have changed since.
func placeWith(shop *orders.Client) func(context.Context, *orders.OrderDraft) (bool, error) {
	return func(ctx context.Context, draft *orders.OrderDraft) (bool, error) {
		key := orders.PlaceOrderParams{IdempotencyKey: Source + "/" + draft.Reference}
		answer, err := shop.PlaceOrder(ctx, key, *draft)
		if client.HasCode(err, orders.ProblemCodeReferenceTaken, orders.ProblemCodeIdempotencyKeyReused) {
			return false, nil
		}
		return err == nil && !answer.Replayed(), err
	}
}

// CatchUp places the orders of today until now and of the seven days before, except those that are placed already. It
// returns the number of orders placed.
func (s *Shop) CatchUp(ctx context.Context) (placed int, err error) {
	now := time.Now()
	year, month, date := now.In(s.schedule.zone).Date()
	first := time.Date(year, month, date-daysBack, 0, 0, -1, 0, s.schedule.zone)
	due := s.schedule.between(first, now)
	results := make([]bool, len(due))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(concurrency)
	for i := range due {
		group.Go(func() (err error) {
			results[i], err = s.place(groupCtx, &due[i].draft)
			return err
		})
	}
	err = group.Wait()
	for _, done := range results {
		if done {
			placed++
		}
	}
	if err != nil {
		return placed, fmt.Errorf("place the demo orders: %w", err)
	}
	s.until = now
	return placed, nil
}

// GoOn places orders until ctx ends, each at its time. Call it after CatchUp. An order that fails is logged and left
// out; a service that asks for a key ends it.
func (s *Shop) GoOn(ctx context.Context) {
	last := s.until
	quiet, failing := quietFirst, false
	for n := 0; ; {
		next := s.next(last, quiet, n)
		if !sleepUntil(ctx, next.at) {
			return
		}
		if next.extra {
			n++
		}
		_, err := s.place(ctx, &next.draft)
		switch p, answered := errors.AsType[client.Problem](err); {
		case ctx.Err() != nil:
			return
		case answered && (p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden):
			s.logger.Info().Msg("no more demo orders: the order service asks for a key")
			return
		case err != nil && !failing:
			s.logger.Warn().Err(err).Msg("a demo order was not placed")
		}
		failing = err != nil
		last, quiet = next.at, quietLeast+rand.N(quietMost-quietLeast) //nolint:gosec // keeps no secret
	}
}

type coming struct {
	order
	extra bool
}

// next returns the order that comes after last: the next of the day, or one of the busiest hour if that is too long. A
// machine that slept has many of the days to make up for, and one of the others.
func (s *Shop) next(last time.Time, quiet time.Duration, n int) coming {
	at := last.Add(quiet)
	if now := time.Now(); at.Before(now) {
		at = now
	}
	if due := s.schedule.between(last, at); len(due) > 0 {
		return coming{due[0], false}
	}
	at = at.Truncate(time.Millisecond)
	return coming{s.schedule.again(n, at), true}
}

// sleepUntil waits until at, and returns false if ctx ends first.
func sleepUntil(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

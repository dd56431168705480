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

	// Of so many orders that come, one is cancelled when the next has come.
	cancelEvery = 10
)

// ErrKey says that the order service asks for a key, which the shop has not.
var ErrKey = errors.New("the order service asks for a key")

// Shop places the demo's orders.
type Shop struct {
	schedule *schedule
	service  service
	logger   zerolog.Logger
	until    time.Time // up to then everything is placed
}

// service is the order service.
type service interface {
	// place places an order unless one with its reference is placed. The id is "" then. Errors wrap ErrKey.
	place(ctx context.Context, draft *orders.OrderDraft) (id string, err error)
	cancel(ctx context.Context, id string) error
}

// New returns a shop that places orders with client. Its days are days in zone.
func New(client *orders.Client, zone *time.Location, logger zerolog.Logger) (*Shop, error) {
	schedule, err := newSchedule(zone)
	if err != nil {
		return nil, fmt.Errorf("demo orders: %w", err)
	}
	return &Shop{schedule: schedule, service: remote{client}, logger: logger}, nil
}

// remote is the service behind its API.
type remote struct{ *orders.Client }

func (r remote) place(ctx context.Context, draft *orders.OrderDraft) (id string, err error) {
	key := orders.PlaceOrderParams{IdempotencyKey: Source + "/" + draft.Reference}
	answer, err := r.PlaceOrder(ctx, key, *draft)
	p, answered := errors.AsType[client.Problem](err)
	switch {
	case client.HasCode(err, orders.ProblemCodeReferenceTaken, orders.ProblemCodeIdempotencyKeyReused):
		return "", nil // the zone of the days has changed since
	case answered && (p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden):
		return "", fmt.Errorf("%w: %w", ErrKey, err)
	case err != nil || answer.Replayed():
		return "", err
	}
	return answer.Value.ID, nil
}

func (r remote) cancel(ctx context.Context, id string) error {
	_, err := r.CancelOrder(ctx, id, orders.CancelOrderParams{}, orders.OrderCancellation{Reason: "ordered twice"})
	return err
}

// CatchUp places the orders of today until now and of the seven days before, except those that are placed already. It
// returns the number of orders placed. An error wraps ErrKey if that is why.
func (s *Shop) CatchUp(ctx context.Context) (placed int, err error) {
	now := time.Now()
	year, month, date := now.In(s.schedule.zone).Date()
	first := time.Date(year, month, date-daysBack, 0, 0, -1, 0, s.schedule.zone)
	due := s.schedule.between(first, now)
	placed, err = s.placeAll(ctx, due)
	if err == nil && placed == len(due) && len(s.schedule.between(now.Add(-time.Hour), now)) == 0 {
		// The first look is at an hour without orders, as at night. Today is not to begin with nothing.
		var more int
		more, err = s.placeAll(ctx, s.schedule.busyHour(now))
		placed += more
	}
	if err != nil {
		return placed, fmt.Errorf("place the demo orders: %w", err)
	}
	s.until = now
	return placed, nil
}

// placeAll places orders, several at once. It returns how many were not placed before.
func (s *Shop) placeAll(ctx context.Context, due []order) (placed int, err error) {
	ids := make([]string, len(due))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(concurrency)
	for i := range due {
		group.Go(func() (err error) {
			ids[i], err = s.service.place(groupCtx, &due[i].draft)
			return err
		})
	}
	err = group.Wait()
	for _, id := range ids {
		if id != "" {
			placed++
		}
	}
	return placed, err
}

// GoOn places orders until ctx ends, each at its time, and cancels a few of them. Call it after CatchUp. What fails is
// logged and left out. A service that asks for a key ends it.
func (s *Shop) GoOn(ctx context.Context) {
	last, quiet, extras := s.until, quietFirst, 0
	unwanted, failing := "", false
	for placed := 0; ; {
		next := s.next(last, quiet, extras)
		if !sleepUntil(ctx, next.at) {
			return
		}
		if next.extra {
			extras++
		}
		id, err := s.service.place(ctx, &next.draft)
		if err == nil && unwanted != "" {
			err, unwanted = s.service.cancel(ctx, unwanted), ""
		}
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, ErrKey):
			s.logger.Info().Msg("no more demo orders: " + ErrKey.Error())
			return
		case err != nil && !failing:
			s.logger.Warn().Err(err).Msg("the demo goes on after a failure")
		}
		failing = err != nil
		if id != "" {
			if placed++; placed%cancelEvery == 0 {
				unwanted = id
			}
		}
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

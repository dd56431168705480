package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"ordertally/client/orders"
)

// till takes the place of the order service.
type till struct {
	mu        sync.Mutex
	orders    []placed // in the order placed
	known     map[string]bool
	cancelled []string
	fails     error
}

type placed struct {
	at    time.Time
	draft orders.OrderDraft
}

func (t *till) place(_ context.Context, draft *orders.OrderDraft) (id string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fails != nil || t.known[draft.Reference] {
		return "", t.fails
	}
	if t.known == nil {
		t.known = map[string]bool{}
	}
	t.known[draft.Reference] = true
	t.orders = append(t.orders, placed{time.Now(), *draft})
	return draft.Reference, nil
}

func (t *till) cancel(_ context.Context, id string) error {
	if !t.known[id] || slices.Contains(t.cancelled, id) {
		return errors.New("no such order: " + id)
	}
	t.cancelled = append(t.cancelled, id)
	return nil
}

// byDay counts the orders by the days of their placed_at.
func (t *till) byDay(zone *time.Location) map[string]int {
	days := map[string]int{}
	for _, o := range t.orders {
		days[o.draft.PlacedAt.In(zone).Format(time.DateOnly)]++
	}
	return days
}

func open(t *testing.T, till *till, zone *time.Location) *Shop {
	t.Helper()
	schedule, err := newSchedule(zone)
	if err != nil {
		t.Fatal(err)
	}
	return &Shop{schedule: schedule, service: till, logger: zerolog.Nop()}
}

func auckland(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Pacific/Auckland")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// TestShop_HasTheRealDaysOnTheLastDays: the real days have 136, 143 and 73 orders that can be placed.
func TestShop_HasTheRealDaysOnTheLastDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		zone, till := auckland(t), &till{}
		<-time.After(23 * time.Hour) // it is noon in Auckland
		shop, now := open(t, till, zone), time.Now()
		n, err := shop.CatchUp(t.Context())
		if err != nil || n != len(till.orders) {
			t.Fatalf("%d orders were placed, and said to be %d: %v", len(till.orders), n, err)
		}
		days := till.byDay(zone)
		var counts []int
		for back := range 8 {
			counts = append(counts, days[now.In(zone).AddDate(0, 0, -back).Format(time.DateOnly)])
		}
		if len(days) != 8 || counts[0] == 0 || counts[0] >= 73 {
			t.Errorf("the orders are of the days %v", days)
		}
		found := slices.Compact(slices.Sorted(slices.Values(counts[1:])))
		if !slices.Equal(found, []int{73, 136, 143}) || counts[1] == counts[2] || counts[1] == counts[7] {
			t.Errorf("the days before today have %v orders", counts[1:])
		}
		for _, o := range till.orders {
			hour := o.draft.PlacedAt.In(zone).Hour()
			if o.draft.PlacedAt.After(now) || hour < 7 || hour > 19 {
				t.Errorf("an order is of %s, and it is %s", o.draft.PlacedAt.In(zone), now.In(zone))
			}
		}
		if n, err := shop.CatchUp(t.Context()); n != 0 || err != nil {
			t.Errorf("%d orders were placed again: %v", n, err)
		}
	})
}

// TestShop_IsNeverSilentForAMinute lets it go on for more than a day.
func TestShop_IsNeverSilentForAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		till := &till{}
		shop := open(t, till, time.UTC)
		if _, err := shop.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		before, start := len(till.orders), time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Hour)
		defer cancel()
		shop.GoOn(ctx)
		last, scheduled := start, 0
		for _, o := range till.orders[before:] {
			if gap := o.at.Sub(last); gap > time.Minute {
				t.Errorf("nothing was placed for %s before %s", gap, o.at)
			}
			last = o.at
			if d := o.at.Sub(o.draft.PlacedAt); d < 0 || d > time.Second {
				t.Errorf("an order of %s was placed at %s", o.draft.PlacedAt, o.at)
			}
			if o.draft.Source != Source || o.draft.Metadata["demo"] != "true" {
				t.Errorf("an order is not marked: %+v", o.draft)
			}
			if len(o.draft.Reference) == len("2000-01-01/536365") {
				scheduled++
			}
		}
		if n, all := len(till.cancelled), len(till.orders)-before; n < all/cancelEvery-1 || n > all/cancelEvery {
			t.Errorf("%d of %d orders were cancelled", n, all)
		}
		if want := len(shop.schedule.between(start, time.Now())); scheduled != want || want < 73 {
			t.Errorf("%d orders of the days came, want %d", scheduled, want)
		}
	})
}

// TestShop_TodayDoesNotBeginWithNothing, not even at four in the night. A second start adds nothing.
func TestShop_TodayDoesNotBeginWithNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		<-time.After(4 * time.Hour)
		till := &till{}
		for range 2 {
			if _, err := open(t, till, time.UTC).CatchUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			<-time.After(10 * time.Minute)
		}
		if n := till.byDay(time.UTC)["2000-01-01"]; n != 22 {
			t.Errorf("today has %d orders, want the 22 of the busiest hour", n)
		}
	})
}

// TestShop_SleepsWithTheMachine: a machine that slept for six hours has the orders of the day to make up for, not an
// order for each half minute.
func TestShop_SleepsWithTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		till := &till{}
		shop := open(t, till, time.UTC)
		shop.until = time.Date(1999, 12, 31, 18, 0, 0, 0, time.UTC)
		due := len(shop.schedule.between(shop.until, time.Now()))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		shop.GoOn(ctx)
		if n := len(till.orders); n != due+1 {
			t.Errorf("%d orders were placed, want the %d of the day and one", n, due)
		}
	})
}

func TestShop_EndsWhenTheServiceAsksForAKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		till := &till{fails: fmt.Errorf("place: %w", ErrKey)}
		shop := open(t, till, time.UTC)
		shop.until = time.Now()
		shop.GoOn(t.Context()) // would last for ever
	})
}

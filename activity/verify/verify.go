// Package verify compares what order services stored with what an activity service counted of it, day by day: the
// number of orders, the revenue, and the digest of the ids. It uses only the APIs of the services.
//
// The same is done for cancellations, by the time of the cancellation.
//
// Orders that are not published yet are not compared. The services keep working during a comparison, so Run looks again
// at a difference until two looks agree. The report names the quarter hours that still differ, and the orders that were
// not counted.
package verify

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"ordertally/client"
	"ordertally/client/orders"
	"ordertally/client/statistics"
	"ordertally/shared/event"
	"ordertally/shared/event/setdigest"
)

// Config configures Run.
type Config struct {
	Orders []*orders.Client   // the order services whose orders the activity counts, each once; at least one
	Target *statistics.Client // the activity service

	Activity string // default ORDER_CREATED
	// Looks is how often Run compares while something differs and no two looks agree. Default 10.
	Looks int
	// Pause is the time between two looks. Default 1 s.
	Pause time.Duration
}

// Report is the result of a comparison.
type Report struct {
	Orders      int            `json:"orders"`      // published and compared
	Unpublished map[string]int `json:"unpublished"` // not compared, by state of delivery
	Days        []Day          `json:"days"`        // by placed_at in UTC; only days with orders on either side
	// Heal has what to do about the differences, one verb each.
	Heal []string `json:"heal,omitempty"`
	// Cancellations compares the cancellations, by cancelled_at. It is nil if the activity service does not count them,
	// or was asked for another activity than ORDER_CREATED.
	Cancellations *Report `json:"cancellations,omitempty"`
	// The last two looks did not agree. Messages may still be on their way.
	Moving bool `json:"moving"`
}

// Equal reports whether nothing differs.
func (r *Report) Equal() bool {
	return !slices.ContainsFunc(r.Days, func(d Day) bool { return !d.Equal }) &&
		(r.Cancellations == nil || r.Cancellations.Equal())
}

// Day compares one day.
type Day struct {
	Day      string    `json:"day"`
	Equal    bool      `json:"equal"`
	Order    Figures   `json:"order"` // of all order services together
	Activity Figures   `json:"activity"`
	Differ   []Quarter `json:"differ,omitempty"` // the quarter hours that differ
}

// Figures are what one side has of a day or quarter hour.
type Figures struct {
	Count   int64               `json:"count"`
	Revenue map[string]*big.Int `json:"revenue"` // minor units by currency
	Digest  setdigest.Digest    `json:"digest"`  // of the orders' ids
}

// Quarter is a quarter hour that differs.
type Quarter struct {
	Starts   time.Time `json:"starts_at"`
	Order    Figures   `json:"order"`
	Activity Figures   `json:"activity"`
	Missing  []Missing `json:"missing,omitempty"` // orders that were not counted; at most 1,000 in a report
	Says     string    `json:"says"`
}

// Missing is a published order that was not counted.
type Missing struct {
	OrderID  string    `json:"order_id"`
	PlacedAt time.Time `json:"placed_at"`
	Service  string    `json:"service,omitempty"` // the URL of its order service; empty if there is only one
	State    string    `json:"state"`             // of its message in the activity service: parked, late or unknown
	Reason   string    `json:"reason,omitempty"`
}

// Run compares the services. A difference is no error. An error means that a service did not answer as it should, or is
// named twice.
func Run(ctx context.Context, c Config) (*Report, error) {
	if c.Activity == "" {
		c.Activity = event.TypeCreated
	}
	if c.Looks <= 0 {
		c.Looks = 10
	}
	if c.Pause <= 0 {
		c.Pause = time.Second
	}
	if err := checkServices(c.Orders); err != nil {
		return nil, err
	}
	report, err := run(ctx, c)
	if err != nil || c.Activity != event.TypeCreated {
		return report, err
	}
	c.Activity = event.TypeCancelled
	report.Cancellations, err = run(ctx, c)
	if refusal, ok := errors.AsType[client.Problem](err); ok && refusal.Status == http.StatusNotFound {
		return report, nil // it does not count them
	}
	return report, err
}

// run compares one activity.
func run(ctx context.Context, c Config) (*Report, error) {
	v := &verifier{Config: c}
	report, err := v.look(ctx)
	for look := 1; err == nil && !report.Equal() && look < c.Looks; look++ {
		select {
		case <-time.After(c.Pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		before := report
		if report, err = v.look(ctx); err == nil {
			report.Moving = !slices.EqualFunc(before.Days, report.Days, sameDifference)
			if !report.Moving {
				break
			}
		}
	}
	if err != nil {
		return nil, err
	}
	return report, v.name(ctx, report)
}

// checkServices refuses to count the orders of one service twice.
func checkServices(services []*orders.Client) error {
	if len(services) == 0 {
		return errors.New("no order service is named")
	}
	known := make(map[string]bool, len(services))
	for _, service := range services {
		name := service.URL()
		if u, err := url.Parse(name); err == nil {
			name = strings.ToLower(u.Scheme+"://"+u.Host) + u.Path
		}
		if known[name] {
			return fmt.Errorf("the order service %q is named twice, so its orders would count twice", service.URL())
		}
		known[name] = true
	}
	return nil
}

func sameDifference(a, b Day) bool {
	return a.Day == b.Day && a.Equal == b.Equal &&
		(a.Equal || same(&a.Order, &b.Order) && same(&a.Activity, &b.Activity))
}

type verifier struct {
	Config
	traced int // orders traced so far
}

// look asks every service once, order services first. An order that is placed meanwhile may be counted but not listed.
// The next look finds it on both sides.
func (v *verifier) look(ctx context.Context) (*Report, error) {
	report := &Report{Unpublished: map[string]int{}}
	all := map[time.Time]*Figures{}
	for _, service := range v.Orders {
		if err := v.stored(ctx, service, all, report); err != nil {
			return nil, err
		}
	}
	counted, err := v.counted(ctx)
	if err != nil {
		return nil, err
	}
	days := map[string]*Day{}
	for _, side := range []map[time.Time]*Figures{all, counted} {
		for at := range side {
			if name := at.Format(time.DateOnly); days[name] == nil {
				days[name] = &Day{Day: name, Equal: true}
			}
		}
	}
	for at := range maps.Keys(all) {
		if counted[at] == nil {
			counted[at] = &Figures{}
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(counted), time.Time.Compare) {
		day, stored := days[at.Format(time.DateOnly)], all[at]
		if stored == nil {
			stored = &Figures{}
		}
		day.Order.add(stored)
		day.Activity.add(counted[at])
		report.Orders += int(stored.Count)
		if !same(stored, counted[at]) {
			day.Equal = false
			day.Differ = append(day.Differ, Quarter{Starts: at, Order: *stored, Activity: *counted[at]})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(days)) {
		report.Days = append(report.Days, *days[name])
	}
	return report, nil
}

func (f *Figures) add(other *Figures) {
	f.Count += other.Count
	f.Digest = f.Digest.Plus(other.Digest)
	if f.Revenue == nil {
		f.Revenue = map[string]*big.Int{}
	}
	for currency, sum := range other.Revenue {
		if f.Revenue[currency] == nil {
			f.Revenue[currency] = new(big.Int)
		}
		f.Revenue[currency].Add(f.Revenue[currency], sum)
	}
}

func same(a, b *Figures) bool {
	return a.Count == b.Count && a.Digest == b.Digest &&
		maps.EqualFunc(a.Revenue, b.Revenue, func(a, b *big.Int) bool { return a.Cmp(b) == 0 })
}

// stored adds the published orders, or cancellations, of a service to all.
func (v *verifier) stored(ctx context.Context, service *orders.Client, all map[time.Time]*Figures,
	report *Report) error {
	for cursor := ""; ; {
		page, err := service.ListDigests(ctx, orders.ListDigestsParams{Cursor: cursor})
		if err != nil {
			return refused(service.Client, err)
		}
		quarters := page.Value.Quarters
		if v.Activity == event.TypeCancelled {
			quarters = page.Value.Cancelled
		}
		for i := range quarters {
			q := &quarters[i]
			f, err := figuresOf(q.Count, q.Revenue, q.Digest)
			if err != nil {
				return fmt.Errorf("%s: %w", service.URL(), err)
			}
			if all[q.StartsAt] == nil {
				all[q.StartsAt] = &Figures{}
			}
			all[q.StartsAt].add(f)
		}
		for state, n := range page.Value.Unpublished {
			report.Unpublished[state] += int(n)
		}
		if cursor = page.Value.NextCursor; cursor == "" {
			return nil
		}
	}
}

// refused names the service that refused a request. Other errors name it already.
func refused(by *client.Client, err error) error {
	if _, is := errors.AsType[client.Problem](err); is {
		return fmt.Errorf("%s refused: %w", by.URL(), err)
	}
	return err
}

// counted returns what was counted, by quarter hour, on all possible days.
func (v *verifier) counted(ctx context.Context) (map[time.Time]*Figures, error) {
	const step = 400
	all := map[time.Time]*Figures{}
	for from := time.Unix(0, 0).UTC(); from.Before(time.Now().AddDate(0, 0, 2)); from = from.AddDate(0, 0, step) {
		answer, err := v.Target.ListDigests(ctx, v.Activity, statistics.ListDigestsParams{
			From: from.Format(time.DateOnly), To: from.AddDate(0, 0, step-1).Format(time.DateOnly),
		})
		if err != nil {
			return nil, refused(v.Target.Client, err)
		}
		for i := range answer.Value.Quarters {
			q := &answer.Value.Quarters[i]
			if all[q.StartsAt], err = figuresOf(q.Count, q.AdditionalProperties["revenue"].By, q.Digest); err != nil {
				return nil, fmt.Errorf("%s: %w", v.Target.URL(), err)
			}
		}
	}
	return all, nil
}

// figuresOf returns the figures of a quarter hour from the answer of either service. The digest is empty if the service
// has none.
func figuresOf(count int64, revenue map[string]*big.Int, digest string) (*Figures, error) {
	f := Figures{Count: count, Revenue: revenue}
	if digest == "" {
		return &f, nil
	}
	return &f, f.Digest.UnmarshalText([]byte(digest))
}

// Package verify compares what order services stored with what an activity service counted of them, day by day: how
// many, how much, and the digest of the ids. It knows them by their APIs only.
//
//	order:    GET /v1/orders/digests, /v1/orders, /v1/orders/{id}/delivery
//	activity: GET /v1/activities/{activity}/digests, .../messages/{message_id}
//
// Orders that are not published yet are not compared. The services go on meanwhile, so what differs is looked at again
// until two looks agree. What then differs is named down to the quarter hour and, when an order was not counted, to the
// order.
package verify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"ordertally/shared/auth"
	"ordertally/shared/event/setdigest"
	"ordertally/shared/settings/secret"
)

// Config of Run.
type Config struct {
	Orders []Service // the order services whose orders the activity counts, each once; at least one
	Target Service   // the activity service

	Activity string // default ORDER_CREATED
	// Looks is how often what differs is looked at, until two looks agree. Default 10. Pause is the time between two.
	// Default 1 s.
	Looks int
	Pause time.Duration
}

// Service is how to reach one.
type Service struct {
	URL        string
	Credential secret.Text       // the API key or token to send, the zero Text for none
	Transport  http.RoundTripper // of the requests, each of which may take a minute; default http.DefaultTransport
}

// answerTimeout bounds one request: the digests of 400 days are computed in seconds.
const answerTimeout = time.Minute

// Report is what came out.
type Report struct {
	Orders      int            `json:"orders"`      // published, compared
	Unpublished map[string]int `json:"unpublished"` // not compared, by state
	Days        []Day          `json:"days"`        // of placed_at in UTC, those with orders on either side
	Moving      bool           `json:"moving"`      // the last two looks did not agree: what differs may be on its way
}

// Equal reports whether nothing differs.
func (r *Report) Equal() bool {
	return !slices.ContainsFunc(r.Days, func(d Day) bool { return !d.Equal })
}

// Day is one day on both sides.
type Day struct {
	Day      string    `json:"day"`
	Equal    bool      `json:"equal"`
	Order    Figures   `json:"order"` // of all order services together
	Activity Figures   `json:"activity"`
	Differ   []Quarter `json:"differ,omitempty"` // the quarter hours that differ
}

// Figures are what is compared.
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
	Missing  []Missing `json:"missing,omitempty"` // orders that were not counted, at most 1,000 of all quarters
	Says     string    `json:"says"`
}

// Missing is an order that is published and was not counted.
type Missing struct {
	OrderID string `json:"order_id"`
	Service string `json:"service,omitempty"` // the URL of its order service, when there are several
	State   string `json:"state"`             // of its message in the activity service: parked, late or unknown
	Reason  string `json:"reason,omitempty"`
}

// Run compares. An error means that one of the services did not answer as it should.
func Run(ctx context.Context, c Config) (*Report, error) {
	if c.Activity == "" {
		c.Activity = "ORDER_CREATED"
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

// checkServices refuses a service that would be added up twice.
func checkServices(services []Service) error {
	if len(services) == 0 {
		return errors.New("no order service is named")
	}
	known := make(map[string]bool, len(services))
	for i := range services {
		name := services[i].URL
		if u, err := url.Parse(name); err == nil {
			name = strings.ToLower(u.Scheme+"://"+u.Host) + strings.TrimSuffix(u.Path, "/")
		}
		if known[name] {
			return fmt.Errorf(
				"the order service %q is named twice, so its orders would count twice",
				secret.URL(services[i].URL),
			)
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
	traced int // orders followed
}

// look asks every service once, those of orders first: what activity has more by then was placed meanwhile, and the
// next look sees it.
func (v *verifier) look(ctx context.Context) (*Report, error) {
	report := &Report{Unpublished: map[string]int{}}
	orders := map[time.Time]*Figures{}
	for i := range v.Orders {
		if err := v.stored(ctx, &v.Orders[i], orders, report); err != nil {
			return nil, err
		}
	}
	counted, err := v.counted(ctx)
	if err != nil {
		return nil, err
	}
	days := map[string]*Day{}
	for _, side := range []map[time.Time]*Figures{orders, counted} {
		for at := range side {
			if name := at.Format(time.DateOnly); days[name] == nil {
				days[name] = &Day{Day: name, Equal: true}
			}
		}
	}
	for at := range maps.Keys(orders) {
		if counted[at] == nil {
			counted[at] = &Figures{}
		}
	}
	for _, at := range slices.SortedFunc(maps.Keys(counted), time.Time.Compare) {
		day, stored := days[at.Format(time.DateOnly)], orders[at]
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

// quarterAnswer is a quarter hour as both services answer it.
type quarterAnswer struct {
	Starts time.Time `json:"starts_at"`
	Figures
}

// stored adds the published orders of a service to all.
func (v *verifier) stored(ctx context.Context, service *Service, all map[time.Time]*Figures, report *Report) error {
	for cursor := ""; ; {
		var page struct {
			Quarters    []quarterAnswer `json:"quarters"`
			Unpublished map[string]int  `json:"unpublished"`
			Next        string          `json:"next_cursor"`
		}
		if err := v.ask(ctx, service, "/v1/orders/digests", url.Values{"cursor": {cursor}}, &page); err != nil {
			return err
		}
		for i := range page.Quarters {
			q := &page.Quarters[i]
			if all[q.Starts] == nil {
				all[q.Starts] = &Figures{}
			}
			all[q.Starts].add(&q.Figures)
		}
		for state, n := range page.Unpublished {
			report.Unpublished[state] += n
		}
		if cursor = page.Next; cursor == "" {
			return nil
		}
	}
}

// counted returns what was counted, of all days there can be.
func (v *verifier) counted(ctx context.Context) (map[time.Time]*Figures, error) {
	const step = 400
	all := map[time.Time]*Figures{}
	for from := time.Unix(0, 0).UTC(); from.Before(time.Now().AddDate(0, 0, 2)); from = from.AddDate(0, 0, step) {
		var answer struct {
			Quarters []quarterAnswer `json:"quarters"`
		}
		query := url.Values{"from": {from.Format(time.DateOnly)},
			"to": {from.AddDate(0, 0, step-1).Format(time.DateOnly)}}
		if err := v.ask(ctx, &v.Target, "/v1/activities/"+url.PathEscape(v.Activity)+"/digests", query,
			&answer); err != nil {
			return nil, err
		}
		for i := range answer.Quarters {
			all[answer.Quarters[i].Starts] = &answer.Quarters[i].Figures
		}
	}
	return all, nil
}

// ask reads an answer.
func (v *verifier) ask(ctx context.Context, service *Service, path string, query url.Values, into any) error {
	maps.DeleteFunc(query, func(_ string, values []string) bool { return values[0] == "" })
	target, err := url.Parse(service.URL)
	if err != nil || target.Host == "" {
		return fmt.Errorf("%q is not the URL of a service: want one such as http://127.0.0.1:8080",
			secret.URL(service.URL))
	}
	target = target.JoinPath(path) // #nosec G125 -- the path is the program's own
	target.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return err
	}
	auth.SetBearer(request, service.Credential.Reveal())
	client := http.Client{Timeout: answerTimeout, Transport: service.Transport}
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("%s does not answer: %w", secret.URL(service.URL), secret.Cause(err))
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s: is it the right service, and of this release?", secret.URL(target.String()),
			response.Status)
	}
	if err := json.NewDecoder(response.Body).Decode(into); err != nil {
		return fmt.Errorf("read the answer of %s: %w", secret.URL(target.String()), err)
	}
	return nil
}

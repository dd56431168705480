package stack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// sampleDays is the query for the three days of real orders.
const sampleDays = "/v1/activities/ORDER_CREATED/days?from=2010-12-01&to=2010-12-03&tz=Europe/London"

// countTimeout bounds the wait until everything placed is counted.
const countTimeout = time.Minute

type sampleStatistics struct {
	Days []struct {
		Day     string           `json:"day"`
		Count   int64            `json:"count"`
		Units   int64            `json:"units"`
		Revenue map[string]int64 `json:"revenue"`
	} `json:"days"`
	AsOf struct {
		Lagging bool `json:"lagging"`
	} `json:"as_of"`
}

// Banner waits until everything placed is counted. Then it writes where everything is, three calls to try, and the
// statistics of the sample days.
func (s *Stack) Banner(ctx context.Context, w io.Writer) error {
	statistics, err := s.settled(ctx)
	if err != nil {
		return err
	}
	orders, activity := s.OrderURL(), s.ActivityURL()
	var b strings.Builder
	fmt.Fprintf(&b, "\n  Ordertally is up. Ctrl-C stops it; %s keeps everything.\n\n", s.config.Data)
	ops := [2]string{s.order.OpsAddr(), s.activity.OpsAddr()}
	fmt.Fprintf(&b, "    orders      %s/\n", orders)
	fmt.Fprintf(&b, "    statistics  %s/\n", activity)
	fmt.Fprintf(&b, "    APIs        %s/docs  %s/docs\n", orders, activity)
	fmt.Fprintf(&b, "    health      http://%s/readyz?verbose  http://%s/readyz?verbose\n", ops[0], ops[1])
	fmt.Fprintf(&b, "    metrics     http://%s/metrics  http://%s/metrics\n", ops[0], ops[1])
	fmt.Fprintf(&b, "    Kafka       %s\n\n", s.broker.Addr())
	if s.demo {
		b.WriteString("  The orders of today and of the seven days before are real ones of 2010, placed again and " +
			"marked\n" +
			"  with metadata.demo. More come as you watch, at least one a minute. --no-demo starts without.\n\n")
	}
	b.WriteString("  To try: open both pages, then place an order and see it counted. Sent again, it is placed " +
		"once.\n\n")
	fmt.Fprintf(&b, "    curl -i %s/v1/orders -H 'Content-Type: application/json' -H 'Idempotency-Key: first' \\\n",
		orders)
	fmt.Fprintf(&b, "      -d '%s'\n",
		`{"currency":"EUR","lines":[{"sku":"mug","quantity":2,"unit_price":1250}]}`)
	fmt.Fprintf(&b, "    curl '%s/v1/orders?limit=3'\n", orders)
	fmt.Fprintf(&b, "    curl '%s/v1/activities/ORDER_CREATED/days/today'\n\n", activity)
	fmt.Fprintf(&b, "  Three days in London:\n\n    %-12s%8s%10s%16s\n", "day", "orders", "units", "revenue GBP")
	for _, day := range statistics.Days {
		pence := day.Revenue["GBP"]
		fmt.Fprintf(&b, "    %-12s%8d%10d%13d.%02d\n", day.Day, day.Count, day.Units, pence/100, pence%100)
	}
	b.WriteByte('\n')
	_, err = io.WriteString(w, b.String())
	return err
}

// settled polls until nothing waits to be published or counted.
func (s *Stack) settled(ctx context.Context) (statistics sampleStatistics, err error) {
	tooLong := errors.New("the orders were not counted within " + countTimeout.String() + ": look at the log above")
	ctx, cancel := context.WithTimeoutCause(ctx, countTimeout, tooLong)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if s.order.Backlog() == 0 { // read this first, because what is published later is counted later
			if statistics, err = s.sampleStatistics(ctx); err != nil || !statistics.AsOf.Lagging {
				return statistics, err
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return statistics, context.Cause(ctx) // the caller's cause when it was told to stop
		}
	}
}

func (s *Stack) sampleStatistics(ctx context.Context) (statistics sampleStatistics, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.ActivityURL()+sampleDays, nil)
	if err != nil {
		return statistics, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return statistics, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return statistics, fmt.Errorf("ask for the statistics: %s", response.Status)
	}
	return statistics, json.NewDecoder(response.Body).Decode(&statistics)
}

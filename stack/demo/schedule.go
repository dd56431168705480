package demo

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"maps"
	"slices"
	"time"

	"ordertally/client/orders"
	"ordertally/order/retail"
	onlineretail "ordertally/testdata/online-retail"
)

// Source is the source of all demo orders.
const Source = "demo"

// order is one that the shop will have at a time.
type order struct {
	at    time.Time
	draft orders.OrderDraft
}

// schedule says which orders the shop has when.
type schedule struct {
	zone *time.Location // of its days
	days [][]sample     // the real days
	busy []sample       // the orders of the busiest hour of them
}

// sample is a real order, and the time since midnight at which it was placed.
type sample struct {
	since time.Duration
	draft orders.OrderDraft
}

func newSchedule(zone *time.Location) (*schedule, error) {
	names, err := fs.Glob(onlineretail.Files, "*.csv")
	if err != nil {
		return nil, err
	}
	s := &schedule{zone: zone}
	for _, name := range names {
		day, err := readDay(name)
		if err != nil {
			return nil, fmt.Errorf("read the sample orders: %w", err)
		}
		s.days = append(s.days, day)
	}
	s.busy = busiest(s.days)
	if len(s.busy) == 0 {
		return nil, errors.New("there are no sample orders")
	}
	return s, nil
}

func readDay(name string) (day []sample, err error) {
	content, err := onlineretail.Files.ReadFile(name)
	if err != nil {
		return nil, err
	}
	reading, err := retail.Read([]retail.Source{{Name: name, Reader: bytes.NewReader(content)}}, retail.Dialect{})
	if err != nil {
		return nil, err
	}
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		return nil, err
	}
	for i := range reading.Invoices {
		draft := reading.Invoices[i].Draft
		at := draft.PlacedAt.In(london)
		since := time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute +
			within(draft.Reference) // the files have whole minutes
		day = append(day, sample{since, draft})
	}
	slices.SortStableFunc(day, func(a, b sample) int { return cmp.Compare(a.since, b.since) })
	for i := 1; i < len(day); i++ { // no two at once, so that each is after the one before it
		day[i].since = max(day[i].since, day[i-1].since+time.Millisecond)
	}
	return day, nil
}

// within returns a second of a minute, the same for the same reference.
func within(reference string) time.Duration {
	h := fnv.New32a()
	_, _ = h.Write([]byte(reference))
	return time.Duration(h.Sum32()%60) * time.Second
}

func busiest(days [][]sample) []sample {
	hours := map[int][]sample{}
	for d, day := range days {
		for _, s := range day {
			hour := 24*d + int(s.since/time.Hour)
			hours[hour] = append(hours[hour], s)
		}
	}
	return slices.MaxFunc(slices.Collect(maps.Values(hours)), func(a, b []sample) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(b[0].draft.Reference, a[0].draft.Reference))
	})
}

// turns says which real day each day has, by the number of the day. Neighbours differ. So do yesterday and the day a
// week ago, which the statistics show side by side: they are six days apart.
var turns = [...]int{0, 1, 2, 0, 1}

// on returns the orders of a day, by their times. All have a reference that is theirs for ever.
func (s *schedule) on(year int, month time.Month, date int) []order {
	utc := time.Date(year, month, date, 0, 0, 0, 0, time.UTC)
	day := s.days[turns[int(utc.Unix()/(24*3600))%len(turns)]]
	list := make([]order, len(day))
	for i, from := range day {
		at := time.Date(year, month, date, 0, 0, int(from.since/time.Second), int(from.since%time.Second), s.zone)
		list[i] = order{at, dress(from.draft, at, utc.Format(time.DateOnly)+"/"+from.draft.Reference)}
	}
	// Where clocks are changed, an order may come before the one it came after.
	slices.SortStableFunc(list, func(a, b order) int { return a.at.Compare(b.at) })
	return list
}

// between returns the orders after from and until to, by their times.
func (s *schedule) between(from, to time.Time) (list []order) {
	year, month, date := from.In(s.zone).Date()
	for ; !time.Date(year, month, date, 0, 0, 0, 0, s.zone).After(to); date++ {
		for _, o := range s.on(year, month, date) {
			if o.at.After(from) && !o.at.After(to) {
				list = append(list, o)
			}
		}
	}
	return list
}

// again returns the n-th order of the busiest hour, placed at another time.
func (s *schedule) again(n int, at time.Time) order {
	from := s.busy[n%len(s.busy)]
	return order{at, dress(from.draft, at, at.UTC().Format("2006-01-02T15:04:05.000Z"))}
}

// busyHour returns the orders of the busiest hour as those of the hour before now, as far as it is of the same day.
func (s *schedule) busyHour(now time.Time) (list []order) {
	year, month, date := now.In(s.zone).Date()
	midnight := time.Date(year, month, date, 0, 0, 0, 0, s.zone)
	for n, from := range s.busy {
		at := now.Add(from.since%time.Hour - time.Hour).Truncate(time.Millisecond)
		if at.After(midnight) {
			list = append(list, s.again(n, at))
		}
	}
	return list
}

// dress returns a real order as one of the demo's.
func dress(draft orders.OrderDraft, at time.Time, reference string) orders.OrderDraft {
	draft.Source, draft.Reference, draft.PlacedAt = Source, reference, at.UTC()
	metadata := maps.Clone(draft.Metadata)
	if metadata == nil {
		metadata = map[string]string{}
	}
	metadata["demo"] = "true"
	draft.Metadata = metadata
	return draft
}

package activityapi

import (
	"net/http"
	"time"

	"ordertally/activity"
)

type listBody struct {
	Activities []activityBody `json:"activities"`
}

type activityBody struct {
	Name  string `json:"name"`
	Topic string `json:"topic"`
}

func (a *api) list(r *http.Request) (any, error) {
	if _, err := parameters(r); err != nil {
		return nil, err
	}
	body := listBody{Activities: make([]activityBody, len(a.activities))}
	for i := range a.activities {
		body.Activities[i] = activityBody{Name: a.activities[i].Name, Topic: a.activities[i].Topic}
	}
	return body, nil
}

// totalsBody is the numbers of a day.
type totalsBody struct {
	Count   int64                   `json:"count"`
	Items   int64                   `json:"items"` // lines
	Units   activity.Sum            `json:"units"`
	Revenue map[string]activity.Sum `json:"revenue"` // minor units by currency
}

type dayBody struct {
	Activity string `json:"activity"`
	Day      string `json:"day"`
	Zone     string `json:"tz"`
	totalsBody
	AsOf asOfBody `json:"as_of"`
}

type daysBody struct {
	Activity string         `json:"activity"`
	Zone     string         `json:"tz"`
	From     string         `json:"from"`
	To       string         `json:"to"`
	Days     []rangeDayBody `json:"days"`
	AsOf     asOfBody       `json:"as_of"`
}

type rangeDayBody struct {
	Day string `json:"day"`
	totalsBody
}

type asOfBody struct {
	At      *time.Time      `json:"at,omitempty"`  // of the last commit
	Offsets map[int32]int64 `json:"offsets"`       // the next of each partition
	Lagging bool            `json:"lagging"`       // messages wait, or it is not known whether any do
	Lag     *int64          `json:"lag,omitempty"` // how many, when it is known
}

func newAsOf(read activity.AsOf, lag map[int32]int64, known bool) asOfBody {
	body := asOfBody{Offsets: make(map[int32]int64, len(read.Next)), Lagging: true}
	if !read.At.IsZero() {
		body.At = &read.At
	}
	for partition, position := range read.Next {
		body.Offsets[partition] = position.Offset
	}
	if known {
		var total int64
		for _, n := range lag {
			total += n
		}
		body.Lag, body.Lagging = &total, total > 0
	}
	return body
}

func newTotals(t *activity.Totals) totalsBody {
	body := totalsBody{Count: t.Count, Items: t.Items, Units: t.Units, Revenue: t.Revenue}
	if body.Revenue == nil {
		body.Revenue = map[string]activity.Sum{}
	}
	return body
}

// today is the name of the current day in the zone that was asked for.
const today = "today"

func (a *api) day(r *http.Request) (any, error) {
	act, err := a.activity(r)
	if err != nil {
		return nil, err
	}
	query, err := parameters(r, "tz")
	if err != nil {
		return nil, err
	}
	zone, err := query.zone()
	if err != nil {
		return nil, err
	}
	date := zone.DateOf(a.clock.Now())
	if text := r.PathValue("day"); text != today {
		if date, err = activity.ParseDate(text); err != nil {
			return nil, err
		}
	}
	day, asOf, err := act.day(r.Context(), zone, date)
	if err != nil {
		return nil, err
	}
	return dayBody{
		Activity: act.Name, Day: date.String(), Zone: zone.String(), totalsBody: newTotals(&day.Totals), AsOf: asOf,
	}, nil
}

func (a *api) days(r *http.Request) (any, error) {
	act, err := a.activity(r)
	if err != nil {
		return nil, err
	}
	query, err := parameters(r, "from", "to", "tz")
	if err != nil {
		return nil, err
	}
	zone, err := query.zone()
	if err != nil {
		return nil, err
	}
	from, err := query.date("from")
	if err != nil {
		return nil, err
	}
	to, err := query.date("to")
	if err != nil {
		return nil, err
	}
	days, err := activity.NewDays(zone, from, to)
	if err != nil {
		return nil, err
	}
	asOf, err := act.answer(r.Context(), days)
	if err != nil {
		return nil, err
	}
	body := daysBody{Activity: act.Name, Zone: zone.String(), From: from.String(), To: to.String(), AsOf: asOf}
	for i := range days.All() {
		day := &days.All()[i]
		body.Days = append(body.Days, rangeDayBody{Day: day.Date.String(), totalsBody: newTotals(&day.Totals)})
	}
	return body, nil
}

package activityapi

import (
	"context"
	"net/http"
	"time"

	"ordertally/activity"
)

type listBody struct {
	// In the order declared.
	Activities []activityBody `json:"activities"`
}

type activityBody struct {
	// Its name in paths.
	// Example: ORDER_CREATED
	Name string `json:"name"`
	// The Kafka topic that it is read from.
	// Example: order.activity.v1
	Topic string `json:"topic"`
	// The names of its figures.
	// Example: customers,items,revenue,units
	Measures []string `json:"measures"`
	// What its figures are told apart by.
	// Example: country
	Dimensions []string `json:"dimensions"`
	// Messages that cannot be counted and wait for an operator.
	Parked int64 `json:"parked" minimum:"0"`
	// Messages that may have been counted and forgotten, and wait for an operator.
	Late int64 `json:"late" minimum:"0"`
	// Messages whose id another message had; an operator decides about them.
	Conflicts int64 `json:"conflicts" minimum:"0"`
	// How many messages of each partition wait to be counted, as Kafka said last. Left out until it has said so.
	Lag map[int32]int64 `json:"lag_by_partition,omitempty"`
	// The connection to Kafka.
	Kafka linkBody `json:"kafka"`
	// All that Kafka had at this moment is counted, or waits for an operator. Left out until there is such a moment.
	// Example: 2010-12-01T08:26:01.5Z
	CountedThrough *time.Time `json:"counted_through,omitempty"`
}

type linkBody struct {
	// It is down while Kafka cannot be reached; the service keeps trying. It is connecting until Kafka was reached for
	// the first time, and while Kafka does not have the topic.
	State activity.LinkState `json:"state"`
	// Since when it is in this state.
	// Example: 2010-12-01T08:00:00Z
	Since time.Time `json:"since"`
	// Why it is not up. For people. Left out while it is up.
	Error string `json:"error,omitempty"`
}

func (a *API) list(r *http.Request) (any, error) {
	if _, err := parameters(r); err != nil {
		return nil, err
	}
	body := listBody{Activities: make([]activityBody, len(a.activities))}
	for i := range a.activities {
		act := &a.activities[i]
		sizes, err := act.Ledgers(r.Context())
		if err != nil {
			return nil, err
		}
		listed := activityBody{
			Name:       act.Name,
			Topic:      act.Topic,
			Measures:   []string{},
			Dimensions: []string{},
			Parked:     sizes.Sizes[activity.ParkedLedger].Messages,
			Late:       sizes.Sizes[activity.LateLedger].Messages,
			Conflicts:  sizes.Sizes[activity.ConflictLedger].Messages,
		}
		if lag, known := act.Progress.Lag(); known {
			listed.Lag = lag
		}
		if through := act.Progress.Through().UTC(); !through.IsZero() {
			listed.CountedThrough = &through
		}
		link := act.Progress.Link()
		listed.Kafka = linkBody{link.State, link.Since.UTC(), link.Error}
		for _, m := range act.Measures {
			listed.Measures = append(listed.Measures, m.Name)
		}
		for _, d := range act.Dimensions {
			listed.Dimensions = append(listed.Dimensions, d.Name)
		}
		body.Activities[i] = listed
	}
	return body, nil
}

// today names the current day in the requested zone.
const today = "today"

// date reads the day from the path.
func (a *API) date(r *http.Request, zone activity.Zone) (activity.Date, error) {
	if text := r.PathValue("day"); text != today {
		return activity.ParseDate(text)
	}
	return zone.DateOf(a.clock.Now()), nil
}

func (a *API) day(r *http.Request) (any, error) {
	act, err := a.activity(r)
	if err != nil {
		return nil, err
	}
	query, err := parameters(r, "tz", "until")
	if err != nil {
		return nil, err
	}
	zone, err := a.zoneOf(query)
	if err != nil {
		return nil, err
	}
	date, err := a.date(r, zone)
	if err != nil {
		return nil, err
	}
	end, err := query.until(zone, date)
	if err != nil {
		return nil, err
	}
	return a.dayBody(r.Context(), act, zone, date, end)
}

// dayBody returns everything that is known of one day before end.
func (a *API) dayBody(
	ctx context.Context, act *Activity, zone activity.Zone, date activity.Date, end activity.Quarter,
) (any, error) {
	days, err := activity.NewDay(zone, date)
	if err != nil {
		return nil, err
	}
	hours, err := activity.NewHours(zone, date)
	if err != nil {
		return nil, err
	}
	answer, err := a.answer(ctx, act, days, func(q activity.Quarter, t *activity.Totals) {
		if q >= end {
			return
		}
		days.Add(q, t)
		hours.Add(q, t)
	})
	if err != nil {
		return nil, err
	}
	totals := &days.All()[0].Totals
	body := object{{"activity", act.Name}, {"day", date.String()}, {"tz", zone.String()}}
	body.addFigures(&act.Definition, totals)
	body.addDetails(&act.Definition, totals)
	body.addDimensions(&act.Definition, totals)
	body.addPartial(answer, zone, date)
	body.add("hours", hoursBody(&act.Definition, hours.All()))
	body.addState(answer)
	return answer.representation(body), nil
}

func hoursBody(def *activity.Definition, hours []activity.Hour) []object {
	list := make([]object, 0, len(hours))
	for i := range hours {
		hour := object{{"hour", hours[i].Starts.Hour()}, {"starts_at", hours[i].Starts.Format(time.RFC3339)}}
		hour.addFigures(def, &hours[i].Totals)
		list = append(list, hour)
	}
	return list
}

// minutes answers with those minutes of a day that have events.
func (a *API) minutes(r *http.Request) (any, error) {
	act, err := a.activity(r)
	if err != nil {
		return nil, err
	}
	query, err := parameters(r, "tz")
	if err != nil {
		return nil, err
	}
	zone, err := a.zoneOf(query)
	if err != nil {
		return nil, err
	}
	date, err := a.date(r, zone)
	if err != nil {
		return nil, err
	}
	days, err := activity.NewDay(zone, date)
	if err != nil {
		return nil, err
	}
	var series activity.MinuteSeries
	answer, err := a.answer(r.Context(), act, days, func(q activity.Quarter, t *activity.Totals) {
		days.Add(q, t)
		if _, inside := days.Of(q); inside {
			series.Add(q, t)
		}
	})
	if err != nil {
		return nil, err
	}
	body := object{{"activity", act.Name}, {"day", date.String()}, {"tz", zone.String()},
		{"minutes", minutesBody(&act.Definition, series.All())}}
	body.addState(answer)
	return answer.representation(body), nil
}

func minutesBody(def *activity.Definition, minutes []activity.Minute) []object {
	list := make([]object, 0, len(minutes))
	for i := range minutes {
		minute := object{{"minute", minutes[i].Starts.Format(time.RFC3339)}}
		minute.addTally(def, &minutes[i].Tally, nil)
		list = append(list, minute)
	}
	return list
}

func (a *API) days(r *http.Request) (any, error) {
	act, err := a.activity(r)
	if err != nil {
		return nil, err
	}
	query, err := parameters(r, "from", "to", "tz", "by")
	if err != nil {
		return nil, err
	}
	zone, err := a.zoneOf(query)
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
	by := activity.ByDay
	if text, given := query["by"]; given {
		if by, err = activity.ParseBy(text); err != nil {
			return nil, err
		}
	}
	periods, err := activity.NewPeriods(zone, from, to, by)
	if err != nil {
		return nil, err
	}
	ranged := &periodAnswer{api: a, act: act, zone: zone, by: by, periods: periods}
	answer, list, err := ranged.read(r.Context())
	if err != nil {
		return nil, err
	}
	body := object{{"activity", act.Name}, {"tz", zone.String()}, {"from", from.String()}, {"to", to.String()}}
	if by != activity.ByDay {
		body.add("by", string(by))
	}
	body.add(string(by)+"s", list)
	body.addState(answer)
	return answer.representation(body), nil
}

// addPartial says that figures from a day on may lack events, because the topic had forgotten its beginning when it was
// read.
func (o *object) addPartial(given *answer, zone activity.Zone, from activity.Date) {
	if since := given.asOf.Since; !since.IsZero() && zone.Starts(from).Before(since) {
		o.add("partial", true)
	}
}

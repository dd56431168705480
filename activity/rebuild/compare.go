package rebuild

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"ordertally/activity"
	"ordertally/activity/measure"
)

// Figures reads what was counted; activitystore.Store is one.
type Figures interface {
	Extent(ctx context.Context) (activity.Span, error)
	Read(ctx context.Context, span activity.Span, add func(activity.Quarter, *activity.Totals)) (activity.AsOf, error)
}

// stretch is how many days are compared at a time.
const stretch = 100

// Compare returns the days in a zone on which two counts of an activity differ, oldest first and at most limit, and
// whether there are more. Days without quarter hours in that zone are left out.
func Compare(
	ctx context.Context, def *activity.Definition, live, rebuilt Figures, zone activity.Zone, limit int,
) (found []activity.Difference, more bool, err error) {
	from, to, err := dates(ctx, zone, live, rebuilt)
	if err != nil {
		return nil, false, err
	}
	for ; from <= to; from += stretch {
		last := min(from+stretch-1, to)
		before, _, err := days(ctx, live, zone, from, last)
		if err != nil {
			return nil, false, err
		}
		after, since, err := days(ctx, rebuilt, zone, from, last)
		if err != nil {
			return nil, false, err
		}
		for i := range before {
			names, err := differ(def, &before[i].Totals, &after[i].Totals)
			if err != nil {
				return nil, false, err
			}
			if len(names) == 0 {
				continue
			}
			if len(found) == limit {
				return found, true, nil
			}
			found = append(found, activity.Difference{Date: before[i].Date, Live: &before[i].Totals,
				Rebuilt: &after[i].Totals, Figures: names, Forgotten: zone.Starts(before[i].Date).Before(since)})
		}
	}
	return found, false, nil
}

// dates returns the first and the last day of two counts. The first is after the last if there are none.
func dates(ctx context.Context, zone activity.Zone, counts ...Figures) (from, to activity.Date, err error) {
	to = -1
	for _, c := range counts {
		span, err := c.Extent(ctx)
		if err != nil {
			return 0, 0, err
		}
		if span.From == span.To {
			continue
		}
		first, last := zone.DateOf(span.From.Start()), zone.DateOf(span.To.Start())
		if to < from {
			from, to = first, last
		}
		from, to = min(from, first), max(to, last)
	}
	return from, to, nil
}

func days(
	ctx context.Context, count Figures, zone activity.Zone, from, to activity.Date,
) (all []activity.Day, since time.Time, err error) {
	days, err := activity.NewDays(zone, from, to)
	if err != nil {
		return nil, time.Time{}, err
	}
	asOf, err := count.Read(ctx, days.Span(), days.Add)
	return days.All(), asOf.Since, err
}

// differ returns the names of the figures that differ.
func differ(def *activity.Definition, a, b *activity.Totals) (names []string, err error) {
	if a.Count != b.Count || a.Digest != b.Digest {
		names = append(names, "count")
	}
	for i := range def.Measures {
		m := &def.Measures[i]
		one, err := render(m, a)
		if err != nil {
			return nil, err
		}
		other, err := render(m, b)
		if err != nil {
			return nil, err
		}
		if one != other {
			names = append(names, m.Name)
		}
	}
	return names, nil
}

// render returns the figure of a measure as answers have it.
func render(m *measure.Measure, t *activity.Totals) (string, error) {
	figure := m.Kind.New().Render(m)
	if f := t.Figure(m.Name); f != nil {
		figure = f.Render(m)
	}
	text, err := json.Marshal(figure)
	if err != nil {
		return "", fmt.Errorf("render measure %s: %w", m.Name, err)
	}
	return string(text), nil
}

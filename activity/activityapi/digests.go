package activityapi

import (
	"net/http"
	"time"

	"ordertally/activity"
)

// digests serves `activity verify`. It answers with the quarter hours of a range of days, in UTC, that have events:
// their figures, and the digest of the events' subjects.
func (a *API) digests(r *http.Request) (any, error) {
	act, err := a.activity(r)
	if err != nil {
		return nil, err
	}
	query, err := parameters(r, "from", "to")
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
	days, err := activity.NewDays(activity.UTC(), from, to)
	if err != nil {
		return nil, err
	}
	var quarters []activity.Quarter
	totals := map[activity.Quarter]*activity.Totals{}
	given, err := a.answer(r.Context(), act, days, func(q activity.Quarter, t *activity.Totals) {
		if _, inside := days.Of(q); !inside {
			return
		}
		if totals[q] == nil {
			quarters = append(quarters, q) // they come in order of time
			totals[q] = new(activity.Totals)
		}
		totals[q].Merge(t)
	})
	if err != nil {
		return nil, err
	}
	list := make([]object, 0, len(quarters))
	for _, q := range quarters {
		quarter := object{{"starts_at", q.Start().Format(time.RFC3339)}}
		quarter.addFigures(&act.Definition, totals[q])
		quarter.add("digest", totals[q].Digest)
		list = append(list, quarter)
	}
	body := object{{"activity", act.Name}, {"from", from.String()}, {"to", to.String()}, {"quarters", list}}
	body.addState(given)
	return body, nil
}

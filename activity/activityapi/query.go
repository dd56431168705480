package activityapi

import (
	"math"
	"net/http"
	"slices"
	"time"

	"ordertally/activity"
	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

type query map[string]string

// parameters returns the query's parameters. It refuses unknown and repeated ones, and empty ones that are not
// in valued.
func parameters(r *http.Request, known ...string) (query, error) {
	values, err := web.Parameters(r, known...)
	if err != nil {
		return nil, err
	}
	q := make(query, len(values))
	for name, given := range values {
		if given[0] == "" && !slices.Contains(valued, name) {
			return nil, web.InvalidParameter(name, "is empty: leave it out.")
		}
		q[name] = given[0]
	}
	return q, nil
}

// valued lists the parameters whose own check refuses an empty value.
var valued = []string{"tz", "from", "to", "by"}

// zoneOf returns the requested zone, or the default.
func (a *API) zoneOf(q query) (activity.Zone, error) {
	name, given := q["tz"]
	if !given {
		name = a.zone.String()
	}
	return a.zones.Load(name)
}

func (q query) date(name string) (activity.Date, error) {
	text, given := q[name]
	if !given {
		return 0, problem.KindInvalidParameter.New("The query parameter " + name + " is missing: a day, YYYY-MM-DD.")
	}
	return activity.ParseDate(text)
}

// until returns the first quarter hour of a day that is not wanted. It is beyond all days if the request names none.
func (q query) until(zone activity.Zone, day activity.Date) (activity.Quarter, error) {
	text, given := q["until"]
	if !given {
		return math.MaxInt64, nil
	}
	wall, err := time.Parse(time.DateOnly+" 15:04", day.String()+" "+text)
	if err != nil || len(text) != len("15:04") || wall.Minute()%15 != 0 {
		return 0, web.InvalidParameter("until", "must be a time of day on a quarter hour, such as 14:15.")
	}
	return activity.QuarterOf(zone.At(wall)), nil
}

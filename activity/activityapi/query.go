package activityapi

import (
	"net/http"
	"slices"

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

// zone returns the requested zone, or the default.
func (q query) zone(otherwise activity.Zone) (activity.Zone, error) {
	name, given := q["tz"]
	if !given {
		return otherwise, nil
	}
	return activity.LoadZone(name)
}

func (q query) date(name string) (activity.Date, error) {
	text, given := q[name]
	if !given {
		return 0, problem.KindInvalidParameter.New("The query parameter " + name + " is missing: a day, YYYY-MM-DD.")
	}
	return activity.ParseDate(text)
}

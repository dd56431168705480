package activityapi

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"ordertally/activity"
	"ordertally/shared/web/problem"
)

type query map[string]string

// parameters returns the query's parameters: each at most once, and none but the known.
func parameters(r *http.Request, known ...string) (query, error) {
	invalid := func(detail string) error { return problem.KindInvalidParameter.New(detail) }
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, invalid("The query is malformed: " + err.Error() + ".")
	}
	q := make(query, len(values))
	for name, given := range values {
		switch {
		case len(known) == 0:
			return nil, invalid("This path takes no query parameters.")
		case !slices.Contains(known, name):
			return nil, invalid("This path knows only the query parameters " + strings.Join(known, ", ") + ".")
		case len(given) > 1:
			return nil, invalid("The query parameter " + name + " is given more than once.")
		case given[0] == "" && !slices.Contains(valued, name):
			return nil, invalid("The query parameter " + name + " is empty: leave it out.")
		}
		q[name] = given[0]
	}
	return q, nil
}

// valued are the parameters whose empty value has an answer of its own.
var valued = []string{"tz", "from", "to", "by"}

// zone returns the zone that was asked for, or the default.
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

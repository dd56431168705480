package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"ordertally/shared/web/problem"
)

// The number of entries on a page, where the request may choose it.
const (
	DefaultLimit = 50
	MaxLimit     = 200
)

// Parameters reads the query string. Only known names may be in it, each once. The error is a problem.
func Parameters(r *http.Request, known ...string) (url.Values, error) {
	if r.URL.RawQuery == "" && len(known) == 0 {
		return nil, nil //nolint:nilnil // no values, and nothing wrong
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, InvalidParameter("The query string", "is malformed: "+err.Error()+".")
	}
	for name, given := range values {
		switch {
		case len(known) == 0:
			return nil, problem.KindInvalidParameter.New("This path takes no query parameters.")
		case !slices.Contains(known, name):
			return nil, InvalidParameter(strconv.Quote(name),
				"is not a parameter of this path, which takes "+strings.Join(known, ", ")+".")
		case len(given) > 1:
			return nil, InvalidParameter(name, "is given more than once.")
		}
	}
	return values, nil
}

// InvalidParameter is the answer to a malformed parameter.
func InvalidParameter(name, detail string) problem.Problem {
	return problem.KindInvalidParameter.New(name + " " + detail)
}

// Limit reads the parameter limit.
func Limit(values url.Values) (int, error) {
	if !values.Has("limit") {
		return DefaultLimit, nil
	}
	text := values.Get("limit")
	limit, err := strconv.Atoi(text)
	if err != nil || limit < 1 || limit > MaxLimit || strconv.Itoa(limit) != text {
		return 0, InvalidParameter("limit", "must be a whole number from 1 to "+strconv.Itoa(MaxLimit)+".")
	}
	return limit, nil
}

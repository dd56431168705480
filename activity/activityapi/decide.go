package activityapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"ordertally/activity"
	"ordertally/shared/auth"
	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

// decisionBody is an operator's request. The filter is for those that concern many messages.
type decisionBody struct {
	Reason string          `json:"reason"` // why
	Class  activity.Reason `json:"class"`
	// nil when it is left out: the zero time can be given, and a filter takes it for any
	Before *time.Time `json:"before"`
	All    *bool      `json:"all"`
}

// decide answers how many messages a verb concerned and what became of them.
func (a *API) decide(ledger activity.Ledger, verb activity.Verb, one bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := a.decided(w, r, ledger, verb, one)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		a.json(func(*http.Request) (any, error) { return body, nil })(w, r)
	}
}

func (a *API) decided(w http.ResponseWriter, r *http.Request, ledger activity.Ledger, verb activity.Verb,
	one bool) (any, error) {
	act, err := a.activity(r)
	if err != nil {
		return nil, err
	}
	d, err := readDecision(w, r, verb)
	if err != nil {
		return nil, err
	}
	filter := activity.KeptFilter{Reason: d.Class}
	if d.Before != nil {
		filter.Before = *d.Before
	}
	filtered, all := d.Class != "" || d.Before != nil, d.All != nil && *d.All
	why := activity.Why{Reason: d.Reason, By: auth.FromContext(r.Context()).Actor()}
	var done activity.Decided
	var corrupt []string
	switch {
	case one && (filtered || d.All != nil):
		return nil, invalidDecision("This request is about one message: it takes a reason and no filter.")
	case !one && filtered == all:
		return nil, invalidDecision(`Name what is meant by class or before, or say "all": true, but not both.`)
	case d.Class != "" && !knownReason(d.Class):
		return nil, invalidDecision("The class is none of those that messages are kept for.")
	case d.Before != nil && filter.Before.IsZero():
		return nil, invalidDecision("The time before is the first that there is: no message was kept before it.")
	case one:
		done, err = act.Ledgers.Decide(r.Context(), ledger, verb, r.PathValue("id"), why)
	default:
		done, corrupt, err = act.Ledgers.DecideAll(r.Context(), ledger, verb, filter, why)
	}
	if err != nil {
		return nil, notKept(err)
	}
	body := object{{words[ledger][verb][1], done.Messages}}
	if verb == activity.Retry {
		body.add("counted", done.Counted)
		body.add("duplicates", done.Duplicates)
		body.add("still_parked", done.StillParked)
	}
	if len(corrupt) > 0 {
		body.add("corrupt", corrupt)
	}
	return body, nil
}

func readDecision(w http.ResponseWriter, r *http.Request, verb activity.Verb) (d decisionBody, err error) {
	if _, err := parameters(r); err != nil {
		return d, err
	}
	text, err := web.ReadBody(w, r, web.MaxDecision)
	if err != nil {
		return d, err
	}
	err = web.UnmarshalObject(text, &d, "reason")
	if errors.Is(err, web.ErrNothing) {
		return d, invalidDecision("A member of the body is null or empty; leave out what is not meant.")
	}
	if _, wrong := errors.AsType[*json.SemanticError](err); wrong {
		return d, invalidDecision("The body has a field that is not known here, or is of another type: it takes " +
			"reason, class, before and all.")
	}
	if err != nil {
		return d, problem.KindMalformedJSON.New(
			"The body must be exactly one well-formed JSON object; {} is the least.")
	}
	if fault := web.ReasonFault(d.Reason, verb == activity.Discard); fault != "" {
		return d, invalidDecision("The reason " + fault)
	}
	return d, nil
}

func invalidDecision(detail string) error {
	return kindInvalidDecision.New(detail)
}

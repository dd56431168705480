package activityapi

import (
	"context"
	"net/http"

	"ordertally/activity"
)

// maxIncidents is how many incidents an answer has.
const maxIncidents = 200

type incidentsBody struct {
	// The activity that was asked.
	// Example: ORDER_CREATED
	Activity string `json:"activity"`
	// The newest first, 200 at most.
	Incidents []activity.Incident `json:"incidents"`
}

// incidents answers with what an operator should know of an activity's topic.
func (a *API) incidents(r *http.Request) (any, error) {
	act, err := a.activity(r)
	if err != nil {
		return nil, err
	}
	if _, err := parameters(r); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
	defer cancel()
	newest, err := act.Incidents(ctx, maxIncidents)
	if err != nil {
		return nil, err
	}
	return incidentsBody{act.Name, append([]activity.Incident{}, newest...)}, nil
}

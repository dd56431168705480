package orderapi

import (
	"net/http"

	"ordertally/shared/web"
)

// maxIncidents is the number of incidents that a report lists.
const maxIncidents = 20

// report answers the state of the outbox: what waits, the lineage, and the newest incidents.
func (a *api) report(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.Parameters(r); err != nil {
		return err
	}
	report, err := a.Recovery.Report(r.Context(), maxIncidents)
	if err != nil {
		return err
	}
	return a.answerJSON(w, r, report)
}

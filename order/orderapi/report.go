package orderapi

import (
	"net/http"

	"ordertally/order/ack"
	"ordertally/shared/outbox"
	"ordertally/shared/web"
)

// maxIncidents is the number of incidents that a report lists.
const maxIncidents = 20

// Report is the state of the outbox, and what answers to orders wait for.
type Report struct {
	outbox.Report
	// What the service promises about the orders that it answers.
	Acks ack.Acknowledgement `json:"acks"`
}

// report answers the state of the outbox: what waits, the lineage, and the newest incidents.
func (a *api) report(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.Parameters(r); err != nil {
		return err
	}
	report, err := a.Recovery.Report(r.Context(), maxIncidents)
	if err != nil {
		return err
	}
	return a.answerJSON(w, r, Report{report, a.Acks.Acknowledgement()})
}

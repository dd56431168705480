package orderapi

import (
	"net/http"

	"ordertally/shared/outbox"
)

// maxIncidents is how many incidents a report names.
const maxIncidents = 20

// report answers how the outbox stands: what waits, under which lineage, and what was found amiss between the file and
// Kafka.
func (a *api) report(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	report, err := a.Outbox.Report(r.Context(), maxIncidents)
	if err != nil {
		return err
	}
	return a.answerJSON(w, r, report)
}

// reclaim answers {"reclaimed":n}: the messages that were left to another file are published from this one.
func (a *api) reclaim(w http.ResponseWriter, r *http.Request) error {
	d, err := readDecision(w, r, outbox.Reclaimed)
	if err != nil {
		return err
	}
	if d.filtered() || d.All != nil {
		return invalidDecision("", "This request is about all messages that were left to another file: it takes a "+
			"reason and no filter.")
	}
	n, err := a.Outbox.Reclaim(r.Context(), why(r, d.Reason))
	if err != nil {
		return err
	}
	return a.answerDecided(w, r, outbox.Reclaimed, n, nil)
}

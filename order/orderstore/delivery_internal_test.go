package orderstore

import (
	"encoding/json"
	"testing"

	"ordertally/order"
	"ordertally/shared/outbox"
)

// An unknown number is left out. A number known to be zero is 0.
func TestDelivery_LeavesOutUnknownAttempts(t *testing.T) {
	for want, status := range map[string]outbox.Status{
		`{"state":"pending","attempts":0}`:   {State: outbox.Pending},
		`{"state":"published","attempts":1}`: {State: outbox.Published, Attempts: 1},
		`{"state":"published"}`:              {State: outbox.Published},
		`{"state":"discarded"}`:              {State: outbox.Discarded},
	} {
		got, err := json.Marshal(order.Publication{State: states[status.State], Attempts: attempts(status)})
		if err != nil || string(got) != want {
			t.Errorf("%+v: %s, %v; want %s", status, got, err, want)
		}
	}
}

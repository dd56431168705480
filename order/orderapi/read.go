package orderapi

import (
	"encoding/json"
	"net/http"
	"strconv"

	"ordertally/order"
	"ordertally/shared/uuidv7"
)

func (a *api) get(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	id, err := uuidv7.Parse(r.PathValue("id"))
	if err != nil {
		return order.ErrNotFound // no order has such an id
	}
	stored, err := a.store.Get(r.Context(), id)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, appendOrder(nil, &stored))
	return nil
}

// appendOrder appends the order as it was stored, with how far its message got as one more member.
func appendOrder(b []byte, o *order.Stored) []byte {
	b = append(b, o.Payload[:len(o.Payload)-1]...)
	b = append(b, `,"publication":`...)
	publication, err := json.Marshal(o.Publication)
	if err != nil { // a time beyond the year 9999 is all that could do it
		publication = []byte("null")
	}
	b = append(b, publication...)
	return append(b, '}')
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // a client that went away is not an error
}

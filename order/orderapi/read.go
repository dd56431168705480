package orderapi

import (
	"encoding/json"
	"net/http"
	"strconv"

	"ordertally/order"
	"ordertally/shared/uuidv7"
	"ordertally/shared/web"
)

func (a *api) get(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	id, err := orderID(r)
	if err != nil {
		return err
	}
	stored, err := a.Store.Get(r.Context(), id)
	if err != nil {
		return err
	}
	return a.answer(w, r, appendOrder(nil, &stored, stored.PlacedBy))
}

// answer writes an answer that may be large, when there is room for it.
func (a *api) answer(w http.ResponseWriter, r *http.Request, body []byte) error {
	release, err := a.answers.Take(r, len(body))
	if err != nil {
		return err
	}
	defer release()
	writeJSON(w, http.StatusOK, body)
	return nil
}

func orderID(r *http.Request) (uuidv7.ID, error) {
	id, err := uuidv7.Parse(r.PathValue("id"))
	if err != nil {
		return id, order.ErrNotFound // no order has such an id
	}
	return id, nil
}

// delivery answers how the order's message got on; what is not known yet is left out.
func (a *api) delivery(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	id, err := orderID(r)
	if err != nil {
		return err
	}
	d, err := a.Store.Delivery(r.Context(), id)
	if err != nil {
		return err
	}
	if d.State == order.Published {
		d.Topic = a.Topic
	}
	return a.answerJSON(w, r, d)
}

// appendOrder appends the order as it was stored, with who placed it, unless that is "", and how far its message got.
func appendOrder(b []byte, o *order.Stored, placedBy string) []byte {
	b = append(b, o.Payload[:len(o.Payload)-1]...)
	if placedBy != "" {
		by, _ := json.Marshal(placedBy) // a string can always be
		b = append(append(b, `,"placed_by":`...), by...)
	}
	b = append(b, `,"publication":`...)
	publication, err := json.Marshal(o.Publication)
	if err != nil { // a time beyond the year 9999 is all that could do it
		publication = []byte("null")
	}
	b = append(b, publication...)
	return append(b, '}')
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	web.BoundWriting(w, len(body))
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(body) // #nosec G705 -- JSON, sent with nosniff; a client that went away is not an error
}

package orderapi

import (
	"encoding/json"
	"net/http"

	gojson "github.com/go-json-experiment/json"

	"ordertally/order"
	"ordertally/shared/uuidv7"
	"ordertally/shared/web"
)

func (a *api) get(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.Parameters(r); err != nil {
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
	return a.answers.Write(w, r, appendOrder(nil, &stored, stored.PlacedBy))
}

func (a *api) answerJSON(w http.ResponseWriter, r *http.Request, answer any) error {
	body, err := gojson.Marshal(answer)
	if err != nil {
		return err
	}
	return a.answers.Write(w, r, body)
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
	if _, err := web.Parameters(r); err != nil {
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

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
	return a.answers.Write(w, r, appendOrder(nil, &stored))
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

// delivery answers how far the order's messages got. What is not known yet is left out.
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
	for i := range d.Messages {
		if d.Messages[i].State == order.Published {
			d.Messages[i].Topic = a.Topic
		}
	}
	d.MessageDelivery = d.Messages[0]
	return a.answerJSON(w, r, d)
}

// appendPlaced appends the order as it was placed, and how far its message got. A replay must repeat the first answer,
// so later changes of the order are not in it.
func appendPlaced(b []byte, o *order.Stored) []byte {
	b = append(b, o.Payload[:len(o.Payload)-1]...)
	if p := &o.Publication; p.State == order.Pending && p.Attempts != nil && *p.Attempts == 0 && p.At.IsZero() {
		b = append(b, publicationOfNew...)
	} else {
		b = appendMember(b, "publication", o.Publication)
	}
	return append(b, '}')
}

// publicationOfNew is the member that nearly every answer to a placement has.
var publicationOfNew = appendMember(nil, "publication", order.Publication{State: order.Pending, Attempts: new(int)})

// appendOrder appends the order with everything known about it.
func appendOrder(b []byte, o *order.Stored) []byte {
	b = append(b, o.Payload[:len(o.Payload)-1]...)
	if o.PlacedBy != "" {
		b = appendMember(b, "placed_by", o.PlacedBy)
	}
	b = appendMember(b, "status", o.Status())
	if c := o.Cancellation; c != nil {
		b = appendMember(b, "cancelled_at", c.At)
		if c.By != "" {
			b = appendMember(b, "cancelled_by", c.By)
		}
		if c.Reason != "" {
			b = appendMember(b, "reason", c.Reason)
		}
	}
	b = appendMember(b, "publication", o.Publication)
	return append(b, '}')
}

// appendMember appends a member to an object that already has one.
func appendMember(b []byte, name string, value any) []byte {
	b = append(append(append(b, `,"`...), name...), `":`...)
	text, err := json.Marshal(value)
	if err != nil { // only a time after the year 9999 can cause this
		text = []byte("null")
	}
	return append(b, text...)
}

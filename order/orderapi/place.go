package orderapi

import (
	"errors"
	"net/http"

	"ordertally/order"
	"ordertally/order/ack"
	"ordertally/order/admission"
	"ordertally/shared/auth"
	"ordertally/shared/uuidv7"
	"ordertally/shared/web"
)

const (
	headerKey      = "Idempotency-Key"
	headerReplayed = "Idempotent-Replayed"
)

func (a *api) place(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.Parameters(r); err != nil {
		return err
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	pass, body, err := a.admit(w, r, web.ReadBody)
	defer pass.Leave()
	if err != nil {
		pass.Hold(r.Context(), web.Draining(r.Context()), err)
		return err
	}
	placed, err := a.Orders.Place(r.Context(), body, key, origin(r))
	pass.Placed()
	if err != nil {
		return notPlaced(err)
	}
	durability, err := a.acknowledge(w, r, ack.Answer{
		Slot: placed.Slot, Published: placed.Publication.State == order.Published, Repeatable: placed.Repeatable,
	})
	if err != nil {
		return afterwards(err, placed.ID)
	}
	if durability == ack.Kafka {
		placed.Publication = confirmed(placed.Publication)
	}
	w.Header().Set("Location", pathOf(placed.ID))
	if placed.Replayed {
		w.Header().Set(headerReplayed, "true")
	}
	web.WriteJSON(w, http.StatusCreated, appendPlaced(make([]byte, 0, len(placed.Payload)+100), &placed.Stored))
	return nil
}

// notPlaced returns the error of a placement as the client gets it.
func notPlaced(err error) error {
	if errors.Is(err, order.ErrReplayOnly) {
		return auth.InsufficientScope(auth.OrdersBackfill)
	}
	return err
}

func pathOf(id uuidv7.ID) string {
	const orders = "/v1/orders/"
	path, _ := id.AppendText(append(make([]byte, 0, len(orders)+36), orders...)) // it has no errors
	return string(path)
}

// origin returns where a request comes from.
func origin(r *http.Request) order.Origin {
	caller := auth.FromContext(r.Context())
	return order.Origin{
		Caller:   caller.ID,
		By:       caller.Actor(),
		Backfill: caller.May(auth.OrdersBackfill),
		Trace:    web.Trace(r.Context()),
	}
}

// reading reads a body of at most limit bytes.
type reading func(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error)

// admit admits a placement or a cancellation and reads its body. With an error there is no body, so a request that
// waits for its refusal takes no memory.
func (a *api) admit(w http.ResponseWriter, r *http.Request, read reading) (_ *admission.Pass, body []byte, err error) {
	var pass *admission.Pass
	if pass, err = a.Gate.Arrive(web.Client(r), r.ContentLength, order.MaxBody); err != nil {
		return pass, nil, err
	}
	r.Body = pass.Body(r.Body)
	if body, err = read(w, r, order.MaxBody); err != nil {
		return pass, nil, err
	}
	if err = pass.Enter(len(body)); err != nil {
		return pass, nil, err
	}
	return pass, body, nil
}

// idempotencyKey returns the value of the header, "" without one. A header without a value is malformed.
func idempotencyKey(r *http.Request) (string, error) {
	values := r.Header.Values(headerKey)
	switch {
	case len(values) == 0:
		return "", nil
	case len(values) > 1:
		return "", invalidKey("is given more than once; send one")
	case !order.ValidKey(values[0]):
		return "", invalidKey("must be 1 to 255 visible ASCII characters")
	}
	return values[0], nil
}

func invalidKey(detail string) error {
	return kindInvalidKey.New(headerKey + " " + detail)
}

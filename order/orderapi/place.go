package orderapi

import (
	"errors"
	"net/http"

	"ordertally/order"
	"ordertally/order/admission"
	"ordertally/shared/auth"
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
	pass, body, err := a.admit(w, r)
	defer pass.Leave()
	if err != nil {
		pass.Hold(r.Context(), web.Draining(r.Context()), err)
		return err
	}
	caller := auth.FromContext(r.Context())
	placed, err := a.Placement.Place(r.Context(), body, key, order.Origin{
		Caller:   caller.ID,
		By:       caller.Actor(),
		Backfill: caller.May(auth.OrdersBackfill),
		Trace:    web.Trace(r.Context()),
	})
	pass.Placed()
	if errors.Is(err, order.ErrBackfill) {
		return auth.InsufficientScope(auth.OrdersBackfill)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/orders/"+placed.ID.String())
	if placed.Replayed {
		w.Header().Set(headerReplayed, "true")
	}
	web.WriteJSON(w, http.StatusCreated, appendOrder(nil, &placed.Stored, ""))
	return nil
}

// admit reads the body of a placement that may begin. With an error there is no body: what waits for its refusal takes
// no memory.
func (a *api) admit(w http.ResponseWriter, r *http.Request) (pass *admission.Pass, body []byte, err error) {
	if pass, err = a.Gate.Arrive(web.Client(r), r.ContentLength, order.MaxBody); err != nil {
		return pass, nil, err
	}
	r.Body = pass.Body(r.Body)
	if body, err = web.ReadBody(w, r, order.MaxBody); err != nil {
		return pass, nil, err
	}
	if err = pass.Enter(len(body)); err != nil {
		return pass, nil, err
	}
	return pass, body, nil
}

// idempotencyKey returns the header's value, "" when there is none. A key that is present but empty is malformed.
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

package orderapi

import (
	"net/http"

	"ordertally/order"
	"ordertally/order/ack"
	"ordertally/shared/web"
)

// answerMargin is the most that the answer to a cancellation has besides the order, in bytes.
const answerMargin = 8 << 10

// cancel cancels an order and answers with it.
func (a *api) cancel(w http.ResponseWriter, r *http.Request) error {
	if _, err := web.Parameters(r); err != nil {
		return err
	}
	id, err := orderID(r)
	if err != nil {
		return err
	}
	key, err := idempotencyKey(r)
	if err != nil {
		return err
	}
	pass, body, err := a.admit(w, r, readOptionalBody)
	defer pass.Leave()
	if err != nil {
		pass.Hold(r.Context(), web.Draining(r.Context()), err)
		return err
	}
	stored, err := a.Store.Get(r.Context(), id)
	if err != nil {
		return err
	}
	// Take room for the answer first. After the cancellation it is too late to refuse the request.
	release, err := a.answers.Take(r, len(stored.Payload)+answerMargin)
	if err != nil {
		return err
	}
	defer release()
	cancelled, err := a.Orders.Cancel(r.Context(), &stored, body, key, origin(r))
	pass.Placed()
	if err != nil {
		return err
	}
	if _, err = a.acknowledge(w, r, ack.Answer{
		Slot: cancelled.MessageSlot, Published: cancelled.Message == order.Published, Repeatable: key != "",
	}); err != nil {
		return afterwards(err, id)
	}
	if cancelled.Replayed {
		w.Header().Set(headerReplayed, "true")
	}
	web.WriteJSON(w, http.StatusOK, appendOrder(nil, &cancelled.Stored))
	return nil
}

// readOptionalBody reads a body that may be missing. A missing body needs no media type.
func readOptionalBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength == 0 {
		return nil, nil
	}
	return web.ReadBody(w, r, limit)
}

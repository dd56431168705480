package verify

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"time"

	"ordertally/client/orders"
	"ordertally/client/statistics"
	"ordertally/shared/event"
)

// These bound the search for orders.
const (
	maxNamed    = 1000 // orders in a report
	maxTraced   = 5000 // orders that are traced
	maxQuarters = 100  // quarter hours whose orders are searched
)

// quarter is how long a Quarter is.
const quarter = 15 * time.Minute

// name adds to each quarter hour that differs which orders were not counted, or what else is wrong.
func (v *verifier) name(ctx context.Context, report *Report) error {
	if report.Moving { // orders that are on their way would be named
		for i := range report.Days {
			for j := range report.Days[i].Differ {
				report.Days[i].Differ[j].Says = "it still changes"
			}
		}
		return nil
	}
	quarters, named := 0, 0
	var heal remedies
	defer func() { report.Heal = heal.list(v.Activity) }()
	for i := range report.Days {
		for j := range report.Days[i].Differ {
			q := &report.Days[i].Differ[j]
			if quarters++; quarters > maxQuarters || named >= maxNamed || v.traced >= maxTraced {
				q.Says = "not looked at: too much differs"
				heal.again = true
				continue
			}
			for _, service := range v.Orders {
				if err := v.missing(ctx, service, q, maxNamed-named); err != nil {
					return err
				}
			}
			named += len(q.Missing)
			q.Says = q.says(v.traced <= maxTraced, len(v.Orders))
			heal.add(q, v.traced <= maxTraced)
		}
	}
	return nil
}

// were returns a count with its verb, such as "1 order was".
func were(n int, thing string) string {
	text, verb := strconv.Itoa(n), "were"
	if thing != "" {
		text += " " + thing
	}
	switch {
	case n == 1:
		verb = "was"
	case thing != "":
		text += "s"
	}
	return text + " " + verb
}

func (q *Quarter) says(whole bool, services int) string {
	lack := "the order service does not have"
	if services > 1 {
		lack = "no order service has"
	}
	if !whole {
		return fmt.Sprintf(
			"%s not counted, among those checked: there are too many to check all",
			were(len(q.Missing), "order"),
		)
	}
	switch more := q.Activity.Count - q.Order.Count + int64(len(q.Missing)); {
	case more > 0:
		return fmt.Sprintf(
			"%s not counted, and %s counted that %s",
			were(len(q.Missing), "order"),
			were(int(more), ""),
			lack,
		)
	case len(q.Missing) > 0:
		return were(len(q.Missing), "order") + " not counted"
	case q.Order.Count == q.Activity.Count && q.Order.Digest == q.Activity.Digest:
		return "the same orders were counted with other amounts"
	case q.Order.Count == q.Activity.Count:
		return "as many orders were counted, but not the same ones"
	}
	return "every order was counted, but the figures are not theirs: the file of the activity service was changed, " +
		"or " +
		"restored in part"
}

// missing adds the published orders of a service and quarter hour that the activity service has not counted. It stops
// when the quarter hour has limit of them.
func (v *verifier) missing(ctx context.Context, service *orders.Client, q *Quarter, limit int) error {
	for o, err := range v.of(ctx, service, q) {
		if err != nil {
			return refused(service.Client, err)
		}
		if len(q.Missing) >= limit {
			return nil
		}
		if v.traced++; v.traced > maxTraced {
			return nil
		}
		m, err := v.trace(ctx, service, o.ID)
		if err != nil {
			return err
		}
		if m != nil {
			m.PlacedAt = o.PlacedAt
			q.Missing = append(q.Missing, *m)
		}
	}
	return nil
}

// of returns the orders of a service that were placed, or cancelled, in a quarter hour. A cancelled one may have been
// placed at any time before.
func (v *verifier) of(ctx context.Context, service *orders.Client, q *Quarter) iter.Seq2[orders.PlacedOrder, error] {
	end := q.Starts.Add(quarter)
	if v.Activity != event.TypeCancelled {
		return service.All(ctx, orders.ListOrdersParams{PlacedFrom: q.Starts, PlacedTo: end, Limit: 200})
	}
	return func(yield func(orders.PlacedOrder, error) bool) {
		for o, err := range service.All(ctx, orders.ListOrdersParams{PlacedTo: end, Limit: 200}) {
			in := err == nil && !o.CancelledAt.Before(q.Starts) && o.CancelledAt.Before(end)
			if (in || err != nil) && !yield(o, err) {
				return
			}
		}
	}
}

// trace returns what became of the message of one order. It is nil if the message was counted, or is not published.
func (v *verifier) trace(ctx context.Context, service *orders.Client, id string) (*Missing, error) {
	delivery, err := service.GetDelivery(ctx, id)
	if err != nil {
		return nil, refused(service.Client, err)
	}
	kind := event.TypeCreated
	if v.Activity == event.TypeCancelled {
		kind = event.TypeCancelled
	}
	for i := range delivery.Value.Messages {
		if d := &delivery.Value.Messages[i]; d.Type == kind && d.State == orders.StatePublished {
			return v.uncounted(ctx, service, id, d)
		}
	}
	return nil, nil
}

// uncounted returns what became of a published message, or nil if it was counted.
func (v *verifier) uncounted(ctx context.Context, service *orders.Client, id string,
	d *orders.MessageDelivery) (*Missing,
	error) {
	answer, err := v.Target.GetMessage(ctx, v.Activity, d.MessageID,
		statistics.GetMessageParams{Lineage: d.Lineage, Sequence: d.Sequence})
	if err != nil {
		return nil, refused(v.Target.Client, err)
	}
	message := &answer.Value
	if message.State == statistics.MessageStateCounted {
		return nil, nil
	}
	m := &Missing{OrderID: id, State: string(message.State), Reason: string(message.Reason)}
	if len(v.Orders) > 1 {
		m.Service = service.URL()
	}
	if message.Detail != "" {
		m.Reason += ": " + message.Detail
	}
	return m, nil
}

package verify

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"ordertally/client/orders"
	"ordertally/client/statistics"
)

// These bound the search for orders.
const (
	maxNamed    = 1000 // orders in a report
	maxTraced   = 5000 // orders that are traced
	maxQuarters = 100  // quarter hours whose orders are searched
)

// name adds to each quarter hour that differs which orders were not counted, or what else is wrong.
func (v *verifier) name(ctx context.Context, report *Report) error {
	if report.Moving {
		return nil // orders that are on their way would be named
	}
	quarters, named := 0, 0
	for i := range report.Days {
		for j := range report.Days[i].Differ {
			q := &report.Days[i].Differ[j]
			if quarters++; quarters > maxQuarters || named >= maxNamed || v.traced >= maxTraced {
				q.Says = "not looked at: too much differs"
				continue
			}
			for _, service := range v.Orders {
				if err := v.missing(ctx, service, q, maxNamed-named); err != nil {
					return err
				}
			}
			named += len(q.Missing)
			q.Says = q.says(v.traced <= maxTraced, len(v.Orders))
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
	ofQuarter := orders.ListOrdersParams{PlacedFrom: q.Starts, PlacedTo: q.Starts.Add(15 * time.Minute), Limit: 200}
	for o, err := range service.All(ctx, ofQuarter) {
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
			q.Missing = append(q.Missing, *m)
		}
	}
	return nil
}

// trace returns what became of one order. It is nil if the order was counted, or is not published.
func (v *verifier) trace(ctx context.Context, service *orders.Client, id string) (*Missing, error) {
	delivery, err := service.GetDelivery(ctx, id)
	if err != nil {
		return nil, refused(service.Client, err)
	}
	d := &delivery.Value
	if d.State != orders.StatePublished {
		return nil, nil
	}
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

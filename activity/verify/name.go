package verify

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"ordertally/shared/settings/secret"
)

// Bounds of what is named.
const (
	maxNamed    = 1000 // orders
	maxTraced   = 5000 // orders that are followed
	maxQuarters = 100  // quarter hours whose orders are looked at
)

// name says of each quarter hour that differs which orders were not counted, or what else it is.
func (v *verifier) name(ctx context.Context, report *Report) error {
	if report.Moving {
		return nil // it would name what is on its way
	}
	quarters, named := 0, 0
	for i := range report.Days {
		for j := range report.Days[i].Differ {
			q := &report.Days[i].Differ[j]
			if quarters++; quarters > maxQuarters || named >= maxNamed || v.traced >= maxTraced {
				q.Says = "not looked at: too much differs"
				continue
			}
			for s := range v.Orders {
				if err := v.missing(ctx, &v.Orders[s], q, maxNamed-named); err != nil {
					return err
				}
			}
			named += len(q.Missing)
			q.Says = q.says(v.traced <= maxTraced, len(v.Orders))
		}
	}
	return nil
}

// were writes how many of something were, such as "1 order was".
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
	return "every order is known as counted, and the figures are not theirs: the file of the activity service was " +
		"changed, or restored in part"
}

// missing names the published orders of a service and quarter hour that the activity service has not counted; of the
// quarter hour no more than limit.
func (v *verifier) missing(ctx context.Context, service *Service, q *Quarter, limit int) error {
	query := url.Values{"placed_from": {q.Starts.Format(time.RFC3339)},
		"placed_to": {q.Starts.Add(15 * time.Minute).Format(time.RFC3339)}, "limit": {"200"}}
	for {
		var page struct {
			Orders []struct {
				ID string `json:"id"`
			} `json:"orders"`
			Next string `json:"next_cursor"`
		}
		if err := v.ask(ctx, service, "/v1/orders", query, &page); err != nil {
			return err
		}
		for _, order := range page.Orders {
			if len(q.Missing) >= limit {
				return nil
			}
			if v.traced++; v.traced > maxTraced {
				return nil
			}
			m, err := v.trace(ctx, service, order.ID)
			if err != nil {
				return err
			}
			if m != nil {
				q.Missing = append(q.Missing, *m)
			}
		}
		if page.Next == "" {
			return nil
		}
		query.Set("cursor", page.Next)
	}
}

// trace follows one order; nil when it is counted, or not published.
func (v *verifier) trace(ctx context.Context, service *Service, id string) (*Missing, error) {
	var delivery struct {
		State     string `json:"state"`
		MessageID string `json:"message_id"`
		Lineage   string `json:"lineage"`
		Sequence  uint64 `json:"sequence"`
	}
	if err := v.ask(ctx, service, "/v1/orders/"+url.PathEscape(id)+"/delivery", url.Values{}, &delivery); err != nil {
		return nil, err
	}
	if delivery.State != "published" {
		return nil, nil
	}
	query := url.Values{}
	if delivery.Lineage != "" && delivery.Sequence > 0 {
		query = url.Values{"lineage": {delivery.Lineage}, "sequence": {strconv.FormatUint(delivery.Sequence, 10)}}
	}
	var message struct {
		State  string `json:"state"`
		Reason string `json:"reason"`
		Detail string `json:"detail"`
	}
	path := "/v1/activities/" + url.PathEscape(v.Activity) + "/messages/" + url.PathEscape(delivery.MessageID)
	if err := v.ask(ctx, &v.Target, path, query, &message); err != nil {
		return nil, err
	}
	if message.State == "counted" {
		return nil, nil
	}
	m := &Missing{OrderID: id, State: message.State, Reason: message.Reason}
	if len(v.Orders) > 1 {
		m.Service = secret.URL(service.URL)
	}
	if message.Detail != "" {
		m.Reason += ": " + message.Detail
	}
	return m, nil
}

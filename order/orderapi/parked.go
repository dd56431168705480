package orderapi

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ordertally/shared/auth"
	"ordertally/shared/outbox"
	"ordertally/shared/uuidv7"
	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

// ParkedMessage is a parked message in an answer. CONTRACT: the names are relied on.
type ParkedMessage struct {
	ID          string       `json:"id" format:"uuid" doc:"The message's id, its ce_id." example:"01890a5d-ac96-774b-8000-000000000001"`
	OrderID     string       `json:"order_id" format:"uuid" doc:"The order that the message is about." example:"01890a5d-ac96-774b-8000-a8b45f0c6d21"`
	Sequence    uint64       `json:"sequence" doc:"The slot that it was to be published under; a retry gives it a new one." example:"7"`
	Class       outbox.Class `json:"class" doc:"What kind of failure the last one was."`
	Reason      string       `json:"reason" doc:"The last failure in words. For people." example:"Broker: Message size too large"`
	Attempts    int          `json:"attempts" doc:"Failed attempts that were the message's own fault." example:"10"`
	FirstFailed time.Time    `json:"first_failed_at" doc:"When it failed first."`
	LastFailed  time.Time    `json:"last_failed_at" doc:"When it failed last, and was parked."`
}

// parkedWhole is a parked message with all that is known of it.
type parkedWhole struct {
	ParkedMessage
	Type      string         `json:"type" doc:"The event's type, its ce_type." example:"ORDER_CREATED"`
	Committed time.Time      `json:"committed_at" doc:"When order and message were stored."`
	Payload   jsontext.Value `json:"payload" doc:"The message's value, JSON: the order as it was placed."`
	History   []outbox.Act   `json:"history" doc:"What operators did with it, the oldest first."`
}

func parkedOf(m *outbox.ParkedMessage) ParkedMessage {
	return ParkedMessage{
		ID: m.ID.String(), OrderID: m.Subject, Sequence: m.Slot, Class: m.Class, Reason: m.Reason,
		Attempts: m.Attempts, FirstFailed: m.FirstFailed, LastFailed: m.LastFailed,
	}
}

// listParked answers {"parked":[...],"next_cursor":"..."}, in the order written.
func (a *api) listParked(w http.ResponseWriter, r *http.Request) error {
	values, err := parameters(r, "class", "order_id", "failed_before", "limit", "cursor")
	if err != nil {
		return err
	}
	filter, err := readParkedFilter(values)
	if err != nil {
		return err
	}
	limit, err := readLimit(values)
	if err != nil {
		return err
	}
	var after uuidv7.ID
	if values.Has("cursor") {
		if after, err = decodeCursor(values.Get("cursor"), parkedFilters(values)); err != nil {
			return err
		}
	}
	page, err := a.Outbox.ListParked(r.Context(), filter, after, limit)
	if err != nil {
		return err
	}
	answer := parkedPage{Parked: make([]ParkedMessage, len(page.Messages)), Corrupt: texts(page.Corrupt)}
	for i := range page.Messages {
		answer.Parked[i] = parkedOf(&page.Messages[i])
	}
	if page.Next != (uuidv7.ID{}) {
		answer.Next = encodeCursor(page.Next, parkedFilters(values))
		values.Set("cursor", answer.Next)
		w.Header().Set("Link", "</v1/outbox/parked?"+values.Encode()+`>; rel="next"`)
	}
	return a.answerJSON(w, r, answer)
}

// getParked answers one parked message with its payload and what operators did with it before.
func (a *api) getParked(w http.ResponseWriter, r *http.Request) error {
	if _, err := parameters(r); err != nil {
		return err
	}
	id, err := parkedID(r)
	if err != nil {
		return err
	}
	m, history, err := a.Outbox.GetParked(r.Context(), id)
	if err != nil {
		return err
	}
	body, err := json.Marshal(parkedWhole{parkedOf(&m), m.Type, m.Committed, m.Value, history})
	if err != nil {
		return err
	}
	return a.answer(w, r, body)
}

// decision is the body of an operator's request. The filter is for those that concern many messages.
type decision struct {
	Reason  string `json:"reason"`
	Class   string `json:"class"`
	OrderID string `json:"order_id"`
	// nil when it is left out: the zero time can be given, and a filter takes it for any
	FailedBefore *time.Time `json:"failed_before"`
	All          *bool      `json:"all"`
}

// decide answers {"retried":1} or {"discarded":1}.
func (a *api) decide(verb outbox.Verb) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		d, err := readDecision(w, r, verb)
		if err != nil {
			return err
		}
		if d.filtered() || d.All != nil {
			return invalidDecision("", "This request is about one message: it takes a reason and no filter.")
		}
		id, err := parkedID(r)
		if err != nil {
			return err
		}
		if err := a.Outbox.Decide(r.Context(), verb, id, why(r, d.Reason)); err != nil {
			return err
		}
		return a.answerDecided(w, r, verb, 1, nil)
	}
}

// decideAll answers {"retried":n} or {"discarded":n}. Whoever means all has to say so.
func (a *api) decideAll(verb outbox.Verb) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		d, err := readDecision(w, r, verb)
		switch {
		case err != nil:
			return err
		case d.filtered() == (d.All != nil && *d.All):
			return invalidDecision("", `Name what is meant by class, order_id or failed_before, `+
				`or say "all": true, but not both.`)
		case d.Class != "" && !slices.Contains(outbox.Classes(), outbox.Class(d.Class)):
			return invalidDecision("/class", "is not a class of failures.")
		case d.FailedBefore != nil && d.FailedBefore.IsZero():
			return invalidDecision("/failed_before", "is the first time that there is: nothing failed before it.")
		}
		filter := outbox.ParkedFilter{Class: outbox.Class(d.Class), Key: d.OrderID}
		if d.FailedBefore != nil {
			filter.FailedBefore = *d.FailedBefore
		}
		n, corrupt, err := a.Outbox.DecideAll(r.Context(), verb, filter, why(r, d.Reason))
		if err != nil {
			return err
		}
		return a.answerDecided(w, r, verb, n, corrupt)
	}
}

func (d *decision) filtered() bool {
	return d.Class != "" || d.OrderID != "" || d.FailedBefore != nil
}

func why(r *http.Request, reason string) outbox.Why {
	return outbox.Why{Reason: reason, By: auth.FromContext(r.Context()).Actor()}
}

func readDecision(w http.ResponseWriter, r *http.Request, verb outbox.Verb) (d decision, err error) {
	if _, err := parameters(r); err != nil {
		return d, err
	}
	body, err := web.ReadBody(w, r, web.MaxDecision)
	if err != nil {
		return d, err
	}
	if err := web.UnmarshalObject(body, &d, "reason"); err != nil {
		if errors.Is(err, web.ErrNothing) {
			return d, invalidDecision("", "A member is null or empty; leave out what is not meant.")
		}
		if semantic, ok := errors.AsType[*json.SemanticError](err); ok {
			return d, invalidDecision(string(semantic.JSONPointer),
				"The field is not known here, or is of another type.")
		}
		return d, kindMalformedJSON.New("The body must be exactly one well-formed JSON object; {} is the least.")
	}
	if fault := web.ReasonFault(d.Reason, verb != outbox.Retry); fault != "" {
		return d, invalidDecision("/reason", fault)
	}
	return d, nil
}

func invalidDecision(pointer, detail string) problem.Problem {
	p := kindInvalidDecision.New(detail)
	if pointer != "" {
		p.Detail = "The request breaks a rule."
		p.Errors = []problem.FieldError{{Pointer: pointer, Detail: detail}}
	}
	return p
}

func (a *api) answerDecided(
	w http.ResponseWriter,
	r *http.Request,
	verb outbox.Verb,
	n int,
	corrupt []uuidv7.ID,
) error {
	name := map[outbox.Verb]string{outbox.Retry: "retried", outbox.Discard: "discarded",
		outbox.Reclaimed: "reclaimed"}[verb]
	answer := map[string]any{name: n}
	if len(corrupt) > 0 {
		answer["corrupt"] = texts(corrupt)
	}
	return a.answerJSON(w, r, answer)
}

func texts(ids []uuidv7.ID) (texts []string) {
	for _, id := range ids {
		texts = append(texts, id.String())
	}
	return texts
}

func (a *api) answerJSON(w http.ResponseWriter, r *http.Request, answer any) error {
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	return a.answer(w, r, body)
}

func parkedID(r *http.Request) (uuidv7.ID, error) {
	id, err := uuidv7.Parse(r.PathValue("id"))
	if err != nil {
		return id, outbox.ErrNotParked // no message has such an id
	}
	return id, nil
}

func readParkedFilter(values url.Values) (f outbox.ParkedFilter, err error) {
	f.Key = values.Get("order_id")
	if values.Has("class") {
		f.Class = outbox.Class(values.Get("class"))
		if !slices.Contains(outbox.Classes(), f.Class) {
			return f, invalidParameter("class", "is not a class of failures.")
		}
	}
	f.FailedBefore, err = readTime(values, "failed_before")
	return f, err
}

// parkedFilters names what a cursor of the parked messages is bound to.
func parkedFilters(values url.Values) string {
	bound := url.Values{"parked": {""}}
	for _, name := range []string{"class", "order_id", "failed_before"} {
		if values.Has(name) {
			bound.Set(name, values.Get(name))
		}
	}
	return bound.Encode()
}

package activityapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"ordertally/activity"
	"ordertally/shared/auth"
	"ordertally/shared/text/rfc3339"
	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

// Ledgers are the messages that were not counted and wait for an operator. Safe for concurrent use.
type Ledgers interface {
	// ListKept returns messages after an entry's id.
	ListKept(
		ctx context.Context,
		ledger activity.Ledger,
		filter activity.KeptFilter,
		after string,
		limit int,
	) (activity.KeptPage, error)
	// GetKept returns one message and what was decided about it. The error may be activity.ErrNotKept.
	GetKept(ctx context.Context, ledger activity.Ledger, id string) (activity.Kept, []activity.Act, error)
	// ListOverflow returns where messages stand that a ledger had no room for.
	ListOverflow(ctx context.Context, ledger activity.Ledger, limit int) ([]activity.OffsetRange, error)
	// Decide decides about one message, DecideAll about all that the filter selects; it names those that are damaged
	// and stay.
	Decide(
		ctx context.Context,
		ledger activity.Ledger,
		verb activity.Verb,
		id string,
		why activity.Why,
	) (activity.Decided, error)
	DecideAll(
		ctx context.Context,
		ledger activity.Ledger,
		verb activity.Verb,
		filter activity.KeptFilter,
		why activity.Why,
	) (done activity.Decided, corrupt []string, err error)
	// Ledgers returns how much waits for an operator.
	Ledgers(ctx context.Context) (activity.Ledgers, error)
	// Audit returns the newest acts, the newest first.
	Audit(ctx context.Context, limit int) ([]activity.Act, error)
}

// words are what a ledger's verbs are called in paths and answers.
var words = map[activity.Ledger]map[activity.Verb][2]string{
	activity.ParkedLedger:   {activity.Retry: {"retry", "retried"}, activity.Discard: {"discard", "discarded"}},
	activity.LateLedger:     {activity.Retry: {"accept", "accepted"}, activity.Discard: {"discard", "discarded"}},
	activity.ConflictLedger: {activity.Retry: {"accept", "accepted"}, activity.Discard: {"discard", "discarded"}},
}

// entryPath is where an entry of a ledger is: the pattern keeps the words of other paths from being ids.
const entryPath = "/{id:[0-9]+-[0-9]+-[0-9a-f]+}"

// ledgerRoutes are the operators' routes of a ledger.
func (a *API) ledgerRoutes(ledger activity.Ledger) []web.Route {
	base := "/v1/activities/{activity}/" + string(ledger)
	routes := []web.Route{
		{Method: http.MethodGet, Path: base, Scope: auth.OpsRead, Handler: a.json(a.listKept(ledger))},
		{Method: http.MethodGet, Path: base + "/export", Scope: auth.OpsRead, Handler: a.export(ledger)},
		{Method: http.MethodGet, Path: base + entryPath, Scope: auth.OpsRead, Handler: a.getKept(ledger)},
	}
	for verb, word := range words[ledger] {
		routes = append(routes,
			web.Route{Method: http.MethodPost, Path: base + "/" + word[0], Scope: auth.OpsWrite,
				Handler: a.decide(ledger, verb, false)},
			web.Route{Method: http.MethodPost, Path: base + entryPath + "/" + word[0], Scope: auth.OpsWrite,
				Handler: a.decide(ledger, verb, true)})
	}
	return routes
}

// KeptMessage is a message of a ledger in a list.
type KeptMessage struct {
	ID        string          `json:"id" doc:"The entry: partition, offset and a digest of the message." example:"3-7-9f86d081884c7d65"`
	MessageID string          `json:"message_id,omitempty" doc:"The message's own id. Left out when it has none that can be read."`
	Class     activity.Reason `json:"class" doc:"Why it was not counted."`
	Reason    string          `json:"reason" doc:"The same in words. For people."`
	Partition int32           `json:"partition" minimum:"0" doc:"Where it stands in the topic."`
	Offset    int64           `json:"offset" minimum:"0" doc:"Its offset in the partition."`
	Timestamp time.Time       `json:"timestamp" doc:"The record's own time: when it was written to Kafka."`
	At        time.Time       `json:"at" doc:"When it was put into the ledger."`
	Attempts  int             `json:"attempts" minimum:"0" doc:"How often it was retried in vain."`
	Tried     *time.Time      `json:"tried_at,omitempty" doc:"When it was retried last. Left out when it was not."`
	Bytes     int             `json:"bytes" minimum:"0" doc:"The size of its value."`
	TooLarge  int             `json:"record_bytes,omitempty" minimum:"0" doc:"The size of the whole record if it was too large to be kept. Its value is then left out, and perhaps its key and its last headers. Left out otherwise."`
}

func newKept(k *activity.Kept) KeptMessage {
	body := KeptMessage{
		ID: k.ID, MessageID: k.MessageID, Class: k.Poison.Reason, Reason: k.Poison.Detail, Partition: k.Partition,
		Offset:    k.Offset,
		Timestamp: k.Timestamp, At: k.At, Attempts: k.Attempts, Bytes: len(k.Value),
		TooLarge: k.TooLarge,
	}
	if !k.Tried.IsZero() {
		body.Tried = &k.Tried
	}
	return body
}

// WholeMessage is a message of a ledger with all that was read.
type WholeMessage struct {
	KeptMessage
	Key     []byte       `json:"key" nullable:"true" doc:"The record's key in base64; null when it has none."`
	Value   []byte       `json:"value" nullable:"true" doc:"The record's value in base64; null for a tombstone, and for a record that was too large to be kept (see record_bytes)."`
	Text    *string      `json:"text,omitempty" doc:"The value as text. Left out when it is not UTF-8."`
	Headers []headerBody `json:"headers" doc:"The record's headers, as they stand there."`
}

// wholeWithHistory is a message of a ledger and what operators did with it.
type wholeWithHistory struct {
	WholeMessage
	History []activity.Act `json:"history" doc:"What operators did with it, the oldest first."`
}

type headerBody struct {
	Key   string  `json:"key" doc:"The header's name." example:"ce_type"`
	Value []byte  `json:"value" nullable:"true" doc:"Its value in base64; null when it has none."`
	Text  *string `json:"text,omitempty" doc:"Its value as text. Left out when it is not UTF-8."`
}

func newWhole(k *activity.Kept) WholeMessage {
	body := WholeMessage{KeptMessage: newKept(k), Key: k.Key, Value: k.Value, Text: textOf(k.Value),
		Headers: make([]headerBody, 0, len(k.Headers))}
	for _, h := range k.Headers {
		body.Headers = append(body.Headers, headerBody{h.Key, h.Value, textOf(h.Value)})
	}
	return body
}

func textOf(b []byte) *string {
	if b == nil || !utf8.Valid(b) {
		return nil
	}
	text := string(b)
	return &text
}

type keptPage struct {
	Messages []KeptMessage          `json:"messages" doc:"The entries, by partition and offset."`
	Corrupt  []string               `json:"corrupt,omitempty" doc:"Entries of this page that are damaged and not answered, whatever the filter says; they count for the limit. Left out when there are none."`
	Next     string                 `json:"next_cursor,omitempty" doc:"The cursor of the next page. Left out on the last one."`
	Overflow []activity.OffsetRange `json:"overflow,omitempty" doc:"Where messages stand in Kafka that the ledger had no room for, 200 at most. On the first page only; left out when there are none."`
}

const (
	defaultLimit = 50
	maxLimit     = 200
)

func (a *API) listKept(ledger activity.Ledger) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		act, query, filter, err := a.keptQuery(r, "limit", "cursor")
		if err != nil {
			return nil, err
		}
		limit := defaultLimit
		if text, given := query["limit"]; given {
			if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxLimit ||
				strconv.Itoa(limit) != text {
				return nil, problem.KindInvalidParameter.New(
					"The query parameter limit is a whole number from 1 to 200.")
			}
		}
		made, err := a.answers.Turn(r)
		if err != nil {
			return nil, err
		}
		defer made()
		ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
		defer cancel()
		list, err := act.Ledgers.ListKept(ctx, ledger, filter, query["cursor"], limit)
		if errors.Is(err, activity.ErrNotKept) {
			return nil, problem.KindInvalidParameter.New(
				"The cursor is not one that this path gave; begin without one.")
		}
		if err != nil {
			return nil, err
		}
		page := keptPage{Messages: make([]KeptMessage, 0, len(list.Messages)), Corrupt: list.Corrupt, Next: list.Next}
		for i := range list.Messages {
			page.Messages = append(page.Messages, newKept(&list.Messages[i]))
		}
		if query["cursor"] == "" {
			page.Overflow, err = act.Ledgers.ListOverflow(ctx, ledger, maxLimit)
		}
		return page, err
	}
}

// keptQuery reads the filter of a request, and the parameters besides.
func (a *API) keptQuery(r *http.Request, besides ...string) (*Activity, query, activity.KeptFilter, error) {
	var filter activity.KeptFilter
	act, err := a.activity(r)
	if err != nil {
		return nil, nil, filter, err
	}
	q, err := parameters(r, append([]string{"class", "before"}, besides...)...)
	if err != nil {
		return nil, nil, filter, err
	}
	filter.Reason = activity.Reason(q["class"])
	if _, given := q["class"]; given && !knownReason(filter.Reason) {
		return nil, nil, filter, problem.KindInvalidParameter.New(
			"The query parameter class is none of those that messages are kept for.")
	}
	if text, given := q["before"]; given {
		if filter.Before, err = rfc3339.Parse(text); err != nil || filter.Before.IsZero() { // zero would be any
			return nil, nil, filter, problem.KindInvalidParameter.New(
				"The query parameter before is a time such as 2026-01-31T12:00:00Z.")
		}
	}
	return act, q, filter, nil
}

func knownReason(r activity.Reason) bool {
	return slices.Contains(classes(), r)
}

func (a *API) getKept(ledger activity.Ledger) http.HandlerFunc {
	return a.json(func(r *http.Request) (any, error) {
		end, err := a.answers.Turn(r)
		if err != nil {
			return nil, err
		}
		defer end()
		whole, err := a.whole(r, ledger)
		if err != nil {
			return nil, err
		}
		// Here, while it has its turn: as JSON it may have seven times the message's bytes.
		text, err := json.Marshal(whole)
		return json.RawMessage(text), err
	})
}

func (a *API) whole(r *http.Request, ledger activity.Ledger) (wholeWithHistory, error) {
	none := wholeWithHistory{}
	act, err := a.activity(r)
	if err != nil {
		return none, err
	}
	if _, err := parameters(r); err != nil {
		return none, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
	defer cancel()
	kept, history, err := act.Ledgers.GetKept(ctx, ledger, r.PathValue("id"))
	if err != nil {
		return none, notKept(err)
	}
	return wholeWithHistory{newWhole(&kept), append([]activity.Act{}, history...)}, nil
}

func notKept(err error) error {
	if errors.Is(err, activity.ErrNotKept) {
		return kindNotKept.New("No such message is in the ledger, or not any more; list it to see what is.")
	}
	return err
}

// export streams all messages that the filter selects, one JSON object a line, page by page: none of its reads is long.
func (a *API) export(ledger activity.Ledger) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		act, _, filter, err := a.keptQuery(r)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		control := http.NewResponseController(w)
		for after, begun := "", false; ; {
			page, err := a.exportPage(r, act, ledger, filter, after)
			if err != nil && !begun {
				a.fail(w, r, err)
				return
			}
			if err != nil {
				a.failures.Log(r, http.StatusOK, err) // in the middle of the answer
				panic(http.ErrAbortHandler)           // the client must not take it for whole
			}
			if !begun {
				begun = true
				w.Header().Set("Content-Type", "application/x-ndjson")
				w.Header().Set("Cache-Control", "no-store")
			}
			encoder := json.NewEncoder(w)
			for i := range page.Messages { // one message at a time: as JSON it may have seven times its bytes
				_ = control.SetWriteDeadline(time.Now().Add(readTimeout)) // one that is not supported bounds the whole
				if err := encoder.Encode(newWhole(&page.Messages[i])); err != nil {
					panic(http.ErrAbortHandler)
				}
				page.Messages[i] = activity.Kept{}
			}
			if len(page.Corrupt) > 0 {
				if err := encoder.Encode(damagedLine{page.Corrupt}); err != nil {
					panic(http.ErrAbortHandler)
				}
			}
			if page.Next == "" {
				return
			}
			after = page.Next
		}
	}
}

// damagedLine is a line of an export that names entries that are damaged.
type damagedLine struct {
	Corrupt []string `json:"corrupt"`
}

// exportPage reads the messages after an entry when it is this export's turn.
func (a *API) exportPage(
	r *http.Request,
	act *Activity,
	ledger activity.Ledger,
	filter activity.KeptFilter,
	after string,
) (activity.KeptPage, error) {
	end, err := a.answers.Turn(r)
	if err != nil {
		return activity.KeptPage{}, err
	}
	defer end()
	return act.Ledgers.ListKept(r.Context(), ledger, filter, after, maxLimit)
}

// audit answers with the newest acts of operators.
func (a *API) audit(r *http.Request) (any, error) {
	act, err := a.activity(r)
	if err != nil {
		return nil, err
	}
	if _, err := parameters(r); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(r.Context(), readTimeout)
	defer cancel()
	acts, err := act.Ledgers.Audit(ctx, maxLimit)
	return auditBody{append([]activity.Act{}, acts...)}, err
}

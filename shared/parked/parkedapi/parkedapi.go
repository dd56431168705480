// Package parkedapi serves a ledger of parked messages over HTTP. It has the routes, and what the OpenAPI document says
// about them. What differs between ledgers is data. Package parkedverbs calls the routes.
package parkedapi

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"ordertally/shared/auth"
	"ordertally/shared/parked"
	"ordertally/shared/text/rfc3339"
	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

// The kinds of problems of these routes.
var (
	KindNotParked = problem.Kind{Status: http.StatusNotFound, Code: problem.CodeNotFound,
		Says:   "No parked message has that id: it never was parked, or somebody decided about it already.",
		Client: "Nothing, if somebody else decided: the audit entries say who. Otherwise check the id.",
	}
	KindInvalidDecision = problem.Kind{Status: http.StatusUnprocessableEntity, Code: "invalid_decision",
		Says:   "The body is well formed but does not say what to do.",
		Client: "Name messages by id, or select them, but not both. A discard needs a reason.",
	}
)

const (
	maxDecision = 4 << 10          // bytes of a request's body
	maxReason   = 500              // bytes of the reason in it
	maxAudit    = 200              // entries of an answer
	writeTime   = 10 * time.Second // for one message of an export
)

// API serves one ledger. M is a message as the file has it. L is a message as lists show it. W is a message as it is
// shown by itself.
type API[M parked.Message, L, W any] struct {
	Kind
	// Ledger returns the ledger that a request is about.
	Ledger func(r *http.Request) (*parked.Ledger[M], error)
	Listed func(m *M) L
	Whole  func(m *M, history []parked.AuditEntry) W

	Answers  *web.Answers
	Failures *web.Failures // counts exports that end in the middle
}

type handler = func(http.ResponseWriter, *http.Request) error

// Routes returns the routes. wrap renders the error of a handler.
func (a *API[M, L, W]) Routes(wrap func(handler) http.HandlerFunc) []web.Route {
	var routes []web.Route
	add := func(method, below, scope string, serve handler) {
		routes = append(routes, web.Route{Method: method, Path: a.Base + below, Scope: scope, Handler: wrap(serve)})
	}
	add(http.MethodGet, "", auth.OpsRead, a.list)
	add(http.MethodGet, "/export", auth.OpsRead, a.export) // before /{id}: a word is no id
	for _, verb := range verbs {
		add(http.MethodPost, "/"+a.word(verb), auth.OpsWrite, a.decide(verb, false))
		add(http.MethodPost, "/{id}/"+a.word(verb), auth.OpsWrite, a.decide(verb, true))
	}
	add(http.MethodGet, "/{id}", auth.OpsRead, a.show)
	return routes
}

// AuditRoute returns the route of the audit entries of all ledgers in the file. Only one of the ledgers serves it.
func (a *API[M, L, W]) AuditRoute(wrap func(handler) http.HandlerFunc) web.Route {
	return web.Route{Method: http.MethodGet, Path: a.auditPath(), Scope: auth.OpsRead, Handler: wrap(a.audit)}
}

// Page is a page of a list. CONTRACT: parked and next_cursor are relied on.
type Page[L any] struct {
	// In the order of their ids.
	Parked []L `json:"parked"`
	// Ids of messages on this page that are left out because their records are damaged, whatever the filter says. They
	// count towards the limit. Left out when there are none.
	Corrupt []string `json:"corrupt,omitempty"`
	// Where the next page begins. Left out on the last page. A short page is not necessarily the last.
	Next string `json:"next_cursor,omitempty"`
	// Where messages stand in Kafka that there was no room for, 200 ranges at most. On the first page only. Left out
	// when there are none.
	Overflow []parked.OffsetRange `json:"overflow,omitempty"`
}

// list answers with a page, made in its turn.
func (a *API[M, L, W]) list(w http.ResponseWriter, r *http.Request) error {
	ledger, values, filter, err := a.selection(r, "limit", "cursor")
	if err != nil {
		return err
	}
	limit, err := web.Limit(values)
	if err != nil {
		return err
	}
	return a.Answers.InTurn(w, r, func() (any, error) {
		page, err := ledger.List(r.Context(), filter, values.Get("cursor"), limit)
		if errors.Is(err, parked.ErrNotParked) || values.Has("cursor") && values.Get("cursor") == "" {
			return nil, web.InvalidParameter("cursor", "is not one that this list answered with. Start without it.")
		}
		if err != nil {
			return nil, err
		}
		answer := Page[L]{Parked: make([]L, len(page.Messages)), Corrupt: page.Corrupt, Next: page.Next}
		for i := range page.Messages {
			answer.Parked[i] = a.Listed(&page.Messages[i])
		}
		if page.Next != "" {
			next := maps.Clone(values)
			next.Set("cursor", page.Next)
			w.Header().Set("Link", "<"+r.URL.EscapedPath()+"?"+next.Encode()+`>; rel="next"`)
		}
		if !values.Has("cursor") {
			answer.Overflow, err = ledger.Overflow(r.Context(), web.MaxLimit)
		}
		return answer, err
	})
}

// selection reads the parameters that select messages. besides names others that are allowed.
func (a *API[M, L, W]) selection(
	r *http.Request, besides ...string,
) (ledger *parked.Ledger[M], values url.Values, filter parked.Filter, err error) {
	if ledger, err = a.Ledger(r); err != nil {
		return nil, nil, filter, err
	}
	if values, err = web.Parameters(r, append([]string{"class", "subject", "before"}, besides...)...); err != nil {
		return nil, nil, filter, err
	}
	filter = parked.Filter{Class: values.Get("class"), Subject: values.Get("subject")}
	if values.Has("class") && !slices.Contains(a.Classes, filter.Class) {
		return nil, nil, filter, web.InvalidParameter("class", notAClass)
	}
	if values.Has("subject") && filter.Subject == "" {
		return nil, nil, filter, web.InvalidParameter("subject", "is empty: leave it out.")
	}
	if values.Has("before") {
		filter.Before, err = rfc3339.Parse(values.Get("before"))
		if err == nil && filter.Before.IsZero() {
			err = errFirst
		}
		if err != nil {
			return nil, nil, filter, web.InvalidParameter("before", err.Error()+".")
		}
	}
	return ledger, values, filter, nil
}

const notAClass = "is none of those that messages are parked for."

// errFirst refuses the zero time, which a filter would take for no limit.
var errFirst = errors.New("is the first time that there is: nothing was parked before it")

// show answers with one message and what was decided about it.
func (a *API[M, L, W]) show(w http.ResponseWriter, r *http.Request) error {
	ledger, err := a.Ledger(r)
	if err != nil {
		return err
	}
	if _, err := web.Parameters(r); err != nil {
		return err
	}
	return a.Answers.InTurn(w, r, func() (any, error) { // as JSON it may have seven times its bytes
		m, history, err := ledger.Get(r.Context(), r.PathValue("id"))
		if err != nil {
			return nil, missing(err)
		}
		return a.Whole(&m, append([]parked.AuditEntry{}, history...)), nil
	})
}

func missing(err error) error {
	if errors.Is(err, parked.ErrNotParked) {
		return KindNotParked.New("No parked message has that id: it never was parked, or somebody decided about it " +
			"already. List those that are.")
	}
	return err
}

// export streams all messages that the filter selects, one JSON object a line. It reads them page by page, so no read
// is long.
func (a *API[M, L, W]) export(w http.ResponseWriter, r *http.Request) error {
	ledger, _, filter, err := a.selection(r)
	if err != nil {
		return err
	}
	control, encoder := http.NewResponseController(w), json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	line := func(value any) {
		_ = control.SetWriteDeadline(time.Now().Add(writeTime)) // this fails without deadlines, as in some tests
		if encoder.Encode(value) != nil {
			panic(http.ErrAbortHandler) // the client has gone
		}
	}
	for after, begun := "", false; ; begun = true {
		page, err := a.exportPage(r, ledger, filter, after)
		if err != nil && !begun {
			return err
		}
		if err != nil {
			a.Failures.Log(r, http.StatusOK, err)
			panic(http.ErrAbortHandler) // the client must not take the answer for complete
		}
		if !begun {
			w.Header().Set("Content-Type", "application/x-ndjson")
			w.Header().Set("Cache-Control", "no-store")
		}
		var none M
		for i := range page.Messages { // one at a time, for the same reason as in show
			line(a.Whole(&page.Messages[i], nil))
			page.Messages[i] = none
		}
		if len(page.Corrupt) > 0 {
			line(map[string][]string{"corrupt": page.Corrupt})
		}
		if page.Next == "" {
			return nil
		}
		after = page.Next
	}
}

// exportPage reads the messages after an id in its turn.
func (a *API[M, L, W]) exportPage(
	r *http.Request, ledger *parked.Ledger[M], filter parked.Filter, after string,
) (page parked.Page[M], err error) {
	end, err := a.Answers.Turn(r)
	if err != nil {
		return page, err
	}
	defer end()
	return ledger.Export(r.Context(), filter, after)
}

// Audit is an answer with audit entries.
type Audit struct {
	// The newest first, 200 at most.
	Entries []parked.AuditEntry `json:"entries"`
}

func (a *API[M, L, W]) audit(w http.ResponseWriter, r *http.Request) error {
	ledger, err := a.Ledger(r)
	if err != nil {
		return err
	}
	if _, err := web.Parameters(r); err != nil {
		return err
	}
	entries, err := ledger.Audit(r.Context(), maxAudit)
	if err != nil {
		return err
	}
	return a.Answers.JSON(w, r, Audit{append([]parked.AuditEntry{}, entries...)})
}

// decision is the body of a decision. Filter is for decisions about many messages. A pointer distinguishes a value that
// is given from one that is left out.
type decision struct {
	Reason  string     `json:"reason"`
	Class   string     `json:"class"`
	Subject string     `json:"subject"`
	Before  *time.Time `json:"before"`
	All     *bool      `json:"all"`
}

func (d *decision) filtered() bool { return d.Class != "" || d.Subject != "" || d.Before != nil }

func (d *decision) filter() parked.Filter {
	f := parked.Filter{Class: d.Class, Subject: d.Subject}
	if d.Before != nil {
		f.Before = *d.Before
	}
	return f
}

// unfiltered returns the problem if a decision that takes no filter has one, or nil.
func (d *decision) unfiltered() error {
	if d.filtered() || d.All != nil {
		return web.Invalid(KindInvalidDecision, "", "This request takes a reason and no filter.")
	}
	return nil
}

func (d *decision) by(r *http.Request, verb parked.Verb) parked.Decision {
	return parked.Decision{Verb: verb, Reason: d.Reason, By: auth.FromContext(r.Context()).Actor()}
}

// ReadReason reads the body of a decision that takes a reason and no filter.
func ReadReason(w http.ResponseWriter, r *http.Request, verb parked.Verb) (parked.Decision, error) {
	d, err := readDecision(w, r, verb)
	if err == nil {
		err = d.unfiltered()
	}
	if err != nil {
		return parked.Decision{}, err
	}
	return d.by(r, verb), nil
}

func readDecision(w http.ResponseWriter, r *http.Request, verb parked.Verb) (d decision, err error) {
	if _, err := web.Parameters(r); err != nil {
		return d, err
	}
	if err := web.ReadObject(w, r, maxDecision, KindInvalidDecision, &d, "reason"); err != nil {
		return d, err
	}
	if fault := reasonFault(d.Reason, verb.NeedsReason()); fault != "" {
		return d, web.Invalid(KindInvalidDecision, "/reason", fault)
	}
	return d, nil
}

// reasonFault returns what is wrong with a reason, or "".
func reasonFault(reason string, needed bool) string {
	switch {
	case needed && strings.TrimSpace(reason) == "":
		return "must say why: it is kept in the audit entry."
	case len(reason) > maxReason:
		return "must not be longer than 500 bytes."
	case strings.ContainsFunc(reason, unicode.IsControl):
		return "must not have control characters."
	}
	return ""
}

// decide answers {"retried":1} or the like. A decision is about one message, or about all that a filter selects.
// Whoever means all messages must say so.
func (a *API[M, L, W]) decide(verb parked.Verb, one bool) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		ledger, err := a.Ledger(r)
		if err != nil {
			return err
		}
		d, err := readDecision(w, r, verb)
		if err == nil {
			err = a.check(&d, one)
		}
		if err != nil {
			return err
		}
		var done parked.Done
		if one {
			done, err = ledger.Decide(r.Context(), r.PathValue("id"), d.by(r, verb))
		} else {
			done, err = ledger.DecideAll(r.Context(), d.filter(), d.by(r, verb))
		}
		if err != nil {
			return missing(err)
		}
		return a.Answers.JSON(w, r, a.done(verb, &done))
	}
}

// check returns the problem with what a decision is about, or nil.
func (k *Kind) check(d *decision, one bool) error {
	switch {
	case one:
		return d.unfiltered()
	case d.filtered() == (d.All != nil && *d.All):
		return web.Invalid(KindInvalidDecision, "",
			`Name what is meant by class, subject or before, or say "all": true, but not both.`)
	case d.Class != "" && !slices.Contains(k.Classes, d.Class):
		return web.Invalid(KindInvalidDecision, "/class", notAClass)
	case d.Before != nil && d.Before.IsZero():
		return web.Invalid(KindInvalidDecision, "/before", errFirst.Error()+".")
	}
	return nil
}

// done returns the answer to a decision.
func (k *Kind) done(verb parked.Verb, done *parked.Done) map[string]any {
	answer := map[string]any{parked.Past(k.word(verb)): done.Messages}
	if verb == parked.Retry {
		for _, outcome := range k.Outcomes {
			answer[string(outcome)] = done.Outcomes[outcome]
		}
	}
	if len(done.Corrupt) > 0 {
		answer["corrupt"] = done.Corrupt
	}
	return answer
}

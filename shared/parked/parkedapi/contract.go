package parkedapi

import (
	"maps"
	"path"
	"slices"
	"strings"

	"ordertally/shared/parked"
	"ordertally/shared/web"
	"ordertally/shared/web/openapi"
	"ordertally/shared/web/problem"
)

// Kind is what differs between ledgers.
type Kind struct {
	Base     string                     // path of the list, such as /v1/outbox/parked
	Path     map[string]*openapi.Schema // the variables in it
	Name     string                     // what operations are named after, such as Parked
	Messages string                     // what its messages are called, such as parked messages
	Retry    string                     // what Retry is called in paths and answers: retry, or accept
	Retries  string                     // the verb of a retry in sentences, such as Publish again
	Discards string                     // the verb of a discard, such as Give up, for ever,
	Classes  []string                   // why its messages are parked
	Outcomes []parked.Outcome           // of a Retry; each is a member of the answer
	Problems []problem.Kind             // that any of the operations may answer with, besides the usual ones
}

// verbs are the decisions about one message, or about many.
var verbs = []parked.Verb{parked.Retry, parked.Discard}

// word returns what a verb is called in paths and answers.
func (k *Kind) word(verb parked.Verb) string {
	if verb == parked.Retry {
		return k.Retry
	}
	return string(verb)
}

func (k *Kind) auditPath() string { return path.Dir(k.Base) + "/audit" }

var (
	moment = &openapi.Schema{Type: "string", Format: "date-time"}
	count  = openapi.Integer(0)
)

// reading are the problems of routes that read the file.
var reading = []problem.Kind{problem.KindCorrupt, web.KindOverloaded}

// Problems returns the problems of a decision, besides the usual ones.
func Problems() []problem.Kind {
	return []problem.Kind{problem.KindMalformedJSON, KindInvalidDecision, problem.KindCorrupt, problem.KindDiskFull,
		problem.KindReadOnly}
}

// Operations describes the routes, by method and path.
func (a *API[M, L, W]) Operations() map[string]openapi.Operation {
	var listed L
	var whole W
	return a.operations(Page[L]{Parked: []L{listed}}, whole)
}

func (k *Kind) operations(page, whole any) map[string]openapi.Operation {
	variables := maps.Clone(k.Path)
	if variables == nil {
		variables = map[string]*openapi.Schema{}
	}
	variables["id"] = openapi.Said(openapi.String(1, 0), "The message's id, as the list has it.")
	selection := []openapi.Parameter{
		{Name: "class", Says: "Only those parked for this reason.", Schema: openapi.Enum(k.Classes...)},
		{Name: "subject", Says: "Only those about this, such as an order's id.", Schema: openapi.String(1, 0)},
		{Name: "before", Says: "Only those parked before.", Schema: moment},
	}
	all := map[string]openapi.Operation{
		"GET " + k.Base: {ID: "list" + k.Name, Summary: "List the " + k.Messages + ".",
			Query: append(selection, openapi.Limit(), openapi.Cursor()), Answer: page,
			AnswerHeaders: openapi.FreshPage()},
		"GET " + k.Base + "/export": {ID: "export" + k.Name, Summary: "All " + k.Messages + ", one JSON object a line.",
			Query: selection, Media: "application/x-ndjson", AnswerHeaders: openapi.Fresh(),
			Answer: openapi.Said(openapi.String(0, 0), "Each line is a message as it is shown by itself, without its "+
				"history. A line with the member corrupt alone lists damaged messages that are left out. The "+
				"connection is cut if the export cannot be finished.")},
		"GET " + k.Base + "/{id}": {ID: "get" + k.Name, Summary: "Show one of the " + k.Messages + ", with its " +
			"history.", Answer: whole, AnswerHeaders: openapi.Fresh(), Problems: []problem.Kind{KindNotParked}},
	}
	for _, verb := range verbs {
		word := k.word(verb)
		does := map[parked.Verb]string{parked.Retry: k.Retries, parked.Discard: k.Discards}[verb]
		decision := openapi.Operation{AnswerHeaders: openapi.Fresh(), Problems: append(Problems(), KindNotParked)}
		one, many := decision, decision
		one.ID, one.Summary = word+k.Name, does+" one of the "+k.Messages+"."
		one.Body, one.BodyExample, one.Answer = Reason(verb), ReasonExample, k.answer(verb, false)
		many.ID, many.Summary = word+"All"+k.Name, does+" all "+k.Messages+" that the filter selects."
		many.Body, many.Answer = k.filter(verb), k.answer(verb, true)
		many.BodyExample = map[string]any{"all": true, "reason": ReasonExample["reason"]}
		all["POST "+k.Base+"/{id}/"+word], all["POST "+k.Base+"/"+word] = one, many
	}
	for key, op := range all {
		op.Path = variables
		op.Problems = slices.Concat(op.Problems, reading, k.Problems)
		all[key] = op
	}
	return all
}

// AuditOperation describes the AuditRoute.
func (k *Kind) AuditOperation() map[string]openapi.Operation {
	return map[string]openapi.Operation{"GET " + k.auditPath(): {
		ID: "listAudit", Summary: "List what operators decided, the newest first.", Path: k.Path, Answer: Audit{},
		AnswerHeaders: openapi.Fresh(), Problems: append(reading, k.Problems...),
	}}
}

// ReasonExample is a body that fits [Reason].
var ReasonExample = map[string]string{"reason": "The cause is mended."}

// Reason returns the schema of the body of a decision that takes a reason and no filter.
func Reason(verb parked.Verb) *openapi.Schema {
	const says = "Why, for the audit entry: at most 500 bytes of UTF-8, no control characters."
	text := openapi.Said(openapi.String(0, maxReason), says+" May be left out.")
	s := &openapi.Schema{Type: "object", AdditionalProperties: false,
		Properties: map[string]*openapi.Schema{"reason": text}}
	if verb.NeedsReason() {
		s.Properties["reason"] = openapi.Said(openapi.String(1, maxReason), says+" Not only spaces.")
		s.Required = []string{"reason"}
	}
	return s
}

// filter returns the schema of the body of a decision about many messages: a filter, or "all".
func (k *Kind) filter(verb parked.Verb) *openapi.Schema {
	s := Reason(verb)
	s.Properties["class"] = openapi.Said(openapi.Enum(k.Classes...), "Only those parked for this reason.")
	s.Properties["subject"] = openapi.Said(openapi.String(1, 0), "Only those about this, such as an order's id.")
	s.Properties["before"] = openapi.Said(moment, "Only those parked before.")
	openapi.FilterOrAll(s, "class", "subject", "before")
	return s
}

// answer describes the answer to a decision.
func (k *Kind) answer(verb parked.Verb, many bool) openapi.Named {
	past := parked.Past(k.word(verb))
	s := &openapi.Schema{Type: "object", AdditionalProperties: false, Required: []string{past},
		Properties: map[string]*openapi.Schema{past: openapi.Said(count, "How many messages it was about.", 1)}}
	if verb == parked.Retry {
		for _, outcome := range k.Outcomes {
			s.Properties[string(outcome)] = openapi.Said(count, "Of these, how many had this outcome.")
			s.Required = append(s.Required, string(outcome))
		}
	}
	name := strings.ToUpper(past[:1]) + past[1:]
	if many {
		name = "All" + name
		s.Properties["corrupt"] = &openapi.Schema{Type: "array", Items: openapi.String(1, 0), Description: "Ids of " +
			"messages that are damaged and were left as they are, 1,000 at most. Left out when there are none."}
	}
	return openapi.Named{Name: name, Schema: s}
}

// ClosedSets returns the closed sets from which members of the answers take their values.
func ClosedSets() []openapi.Closed {
	return []openapi.Closed{
		openapi.ClosedSet("What an operator decided: retry (publish or count it after all), discard (give it up, for "+
			"ever), skip (do not read it at all), rebuild "+
			"(count the activity again) or swap (answer with what was counted again).",
			parked.Verbs()...),
		openapi.ClosedSet("What became of a message that was to be counted after all: counted, duplicate (it was "+
			"counted before) or still_parked.", parked.Outcomes()...),
	}
}

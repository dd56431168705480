package activityapi

import (
	"net/http"
	"strings"

	"ordertally/activity"
	"ordertally/shared/httpserver"
	"ordertally/shared/openapi"
)

const title = "Ordertally: statistics"

const says = "Tells how the business is doing: what was counted, by day in any time zone. Sums are minor units of their currency. Errors are " +
	"application/problem+json (RFC 9457); clients tell them apart by code. Every request may send traceparent (W3C)."

// The schemas of answers whose members are the measures and dimensions that were declared.
var (
	date   = &openapi.Schema{Type: "string", Format: "date"}
	moment = &openapi.Schema{Type: "string", Format: "date-time"}
	whole  = openapi.Integer(0)
	yes    = &openapi.Schema{Type: "boolean"}
	text   = &openapi.Schema{Type: "string"}

	// figure is the value of a measure: a whole number, or one for each currency.
	figure = &openapi.Schema{Description: "The figure of a measure.", AnyOf: []*openapi.Schema{
		{Type: "integer"}, {Type: "object", AdditionalProperties: &openapi.Schema{Type: "integer"}},
	}}
)

// figures is an object with those members and, beside them, the figure of each measure under its name.
func figures(required []string, properties map[string]*openapi.Schema) *openapi.Schema {
	properties["count"] = whole
	return &openapi.Schema{Type: "object", Required: append(required, "count"), Properties: properties, AdditionalProperties: figure}
}

func list(of *openapi.Schema) *openapi.Schema { return &openapi.Schema{Type: "array", Items: of} }

// asOf is the schema of asOfBody, written out: the schemas here are not named.
func asOf() *openapi.Schema {
	return &openapi.Schema{
		Type: "object", Required: []string{"offsets", "lagging"}, AdditionalProperties: false,
		Description: "What the answer contains: the next offset of each partition. lag is left out until Kafka has said how much there is.",
		Properties: map[string]*openapi.Schema{
			"at": moment, "event_time": moment, "offsets": {Type: "object", AdditionalProperties: whole}, "lagging": yes, "lag": whole,
		},
	}
}

// state adds what an answer says of itself.
func state(s *openapi.Schema) *openapi.Schema {
	s.Properties["final"], s.Properties["lag"], s.Properties["as_of"] = yes, whole, asOf()
	s.Required = append(s.Required, "final", "as_of")
	return s
}

// details are what is known of a range beyond its sums.
func details(properties map[string]*openapi.Schema) map[string]*openapi.Schema {
	properties["first"], properties["last"], properties["partial"] = moment, moment, yes
	properties["stats"] = &openapi.Schema{Type: "object", Description: "Of each measure count, min, mean and max; of a distinct count whether it is exact.", AdditionalProperties: &openapi.Schema{Type: "object"}}
	properties["dimensions"] = &openapi.Schema{Type: "object", AdditionalProperties: list(figures([]string{"value"}, map[string]*openapi.Schema{"value": text, "rest": yes}))}
	return properties
}

// liveEvent is one event of the stream. Its data is JSON in a text.
var liveEvent = &openapi.Schema{Type: "object", Required: []string{"event", "id", "data"}, Properties: map[string]*openapi.Schema{
	"event": openapi.Enum("snapshot", "update"), "id": text, "data": {Type: "string", Description: "The day's figures as JSON, with the minutes that changed."},
}}

func daySchema() *openapi.Schema {
	hour := figures([]string{"hour", "starts_at"}, map[string]*openapi.Schema{"hour": whole, "starts_at": moment})
	return state(figures([]string{"activity", "day", "tz", "hours"}, details(map[string]*openapi.Schema{"activity": text, "day": date, "tz": text, "hours": list(hour)})))
}

func daysSchema() *openapi.Schema {
	period := func(name string) *openapi.Schema {
		return list(figures([]string{name}, details(map[string]*openapi.Schema{name: text, "from": date, "to": date})))
	}
	return state(&openapi.Schema{
		Type: "object", Required: []string{"activity", "tz", "from", "to"}, AdditionalProperties: false,
		Properties: map[string]*openapi.Schema{
			"activity": text, "tz": text, "from": date, "to": date, "by": openapi.Enum(activity.ByDay, activity.ByWeek, activity.ByMonth),
			"days": period("day"), "weeks": period("week"), "months": period("month"),
		},
	})
}

func minutesSchema() *openapi.Schema {
	minute := figures([]string{"minute"}, map[string]*openapi.Schema{"minute": moment})
	return state(&openapi.Schema{
		Type: "object", Required: []string{"activity", "day", "tz", "minutes"}, AdditionalProperties: false,
		Properties: map[string]*openapi.Schema{"activity": text, "day": date, "tz": text, "minutes": list(minute)},
	})
}

func digestsSchema() *openapi.Schema {
	quarter := figures([]string{"starts_at"}, map[string]*openapi.Schema{"starts_at": moment, "partial": yes, "digest": text})
	return state(&openapi.Schema{
		Type: "object", Required: []string{"activity", "from", "to", "quarters"}, AdditionalProperties: false,
		Properties: map[string]*openapi.Schema{"activity": text, "from": date, "to": date, "quarters": list(quarter)},
	})
}

// auditBody lists what operators did.
type auditBody struct {
	Acts []activity.Act `json:"acts"`
}

// operations describe the routes, by method and path.
func operations() map[string]openapi.Operation {
	name := map[string]*openapi.Schema{"activity": openapi.String(1, 0), "day": {
		Type: "string", Description: "YYYY-MM-DD, or today.", Pattern: `^(today|[0-9]{4}-[0-9]{2}-[0-9]{2})$`,
	}}
	zone := openapi.Parameter{Name: "tz", Says: "IANA time zone; the service has a default.", Schema: openapi.String(1, 0)}
	from := openapi.Parameter{Name: "from", Says: "The first day.", Required: true, Schema: date}
	to := openapi.Parameter{Name: "to", Says: "The last day, included; at most 400 days.", Required: true, Schema: date}
	by := openapi.Parameter{Name: "by", Says: "What a period is.", Schema: openapi.Enum(activity.ByDay, activity.ByWeek, activity.ByMonth)}
	closed := []openapi.Reply{{Status: http.StatusNotModified, Says: "The range is final and If-None-Match names it."}}
	tag := map[string]string{"ETag": "Of a final range, for If-None-Match."}
	odd := []int{http.StatusUnprocessableEntity} // a zone off the quarter hour
	const base = "/v1/activities/{activity}"
	all := map[string]openapi.Operation{
		"GET /v1/activities": {ID: "listActivities", Summary: "What is counted.", Answer: listBody{}},
		"GET " + base + "/days/{day}": {
			ID: "getDay", Summary: "One day.", Path: name, Query: []openapi.Parameter{zone}, Answer: openapi.Named{Name: "Day", Schema: daySchema()}, AnswerHeaders: tag, Replies: closed, Refusals: odd,
		},
		"GET " + base + "/days/{day}/minutes": {
			ID: "listMinutes", Summary: "The minutes of a day that have events.", Path: name, Query: []openapi.Parameter{zone}, Answer: openapi.Named{Name: "Minutes", Schema: minutesSchema()}, AnswerHeaders: tag, Replies: closed, Refusals: odd,
		},
		"GET " + base + "/days": {
			ID: "listDays", Summary: "A range by day, ISO week or month, the oldest first.", Path: name, Query: []openapi.Parameter{from, to, zone, by},
			Answer: openapi.Named{Name: "Days", Schema: daysSchema()}, AnswerHeaders: tag, Replies: closed, Refusals: odd,
		},
		"GET " + base + "/messages/{message_id}": {
			ID: "getMessage", Summary: "What became of one message.", Path: name,
			Query: []openapi.Parameter{
				{Name: "lineage", Says: "With sequence: known also after its id has expired.", Schema: openapi.String(1, 0)},
				{Name: "sequence", Says: "The slot it was published under.", Schema: openapi.Integer(1)},
			},
			Answer: messageBody{},
		},
		"GET " + base + "/digests": {ID: "listDigests", Summary: "The quarter hours of a range of UTC days that have events, with digests of their ids.", Path: name, Query: []openapi.Parameter{from, to}, Answer: openapi.Named{Name: "Digests", Schema: digestsSchema()}},
		"GET " + base + "/live": {
			ID: "live", Summary: "Today as server-sent events: snapshot, then update.", Path: name, Query: []openapi.Parameter{zone},
			Headers: []openapi.Parameter{{Name: "Last-Event-ID", Says: "Send what was missed since.", Schema: text}},
			Media:   "text/event-stream", Answer: liveEvent, Refusals: odd,
		},
		"GET " + base + "/audit": {ID: "listActs", Summary: "What operators did, the newest first.", Path: name, Answer: auditBody{}},
	}
	for ledger, verbs := range words {
		for key, op := range ledgerOperations(ledger, verbs, name) {
			all[key] = op
		}
	}
	return all
}

// ledgerOperations describe the operators' routes of a ledger.
func ledgerOperations(ledger activity.Ledger, verbs map[activity.Verb][2]string, name map[string]*openapi.Schema) map[string]openapi.Operation {
	class := openapi.Enum(append(activity.Reasons(), activity.ReasonLate)...)
	selection := []openapi.Parameter{{Name: "class", Says: "Only those kept for this reason.", Schema: class}, {Name: "before", Says: "Only those put there before.", Schema: moment}}
	limit := openapi.Integer(1)
	limit.Maximum = new(float64(maxLimit))
	pages := []openapi.Parameter{
		{Name: "limit", Says: "Most entries of the page.", Schema: limit}, {Name: "cursor", Says: "next_cursor of the page before.", Schema: openapi.String(1, 0)},
	}
	own := strings.ToUpper(string(ledger[:1])) + string(ledger[1:])
	base := "/v1/activities/{activity}/" + string(ledger)
	all := map[string]openapi.Operation{
		"GET " + base: {ID: "list" + own, Summary: "List the " + string(ledger) + " messages.", Path: name, Query: append(selection, pages...), Answer: keptPage{}},
		"GET " + base + "/export": {
			ID: "export" + own, Summary: "All of them, one JSON object a line.", Path: name, Query: selection, Media: "application/x-ndjson", Answer: text,
		},
		"GET " + base + entryPath: {ID: "get" + own, Summary: "One of them, with all that was read.", Path: name, Answer: wholeWithHistory{}},
	}
	for verb, word := range verbs {
		answer := &openapi.Schema{Type: "object", AdditionalProperties: false, Required: []string{word[1]}, Properties: map[string]*openapi.Schema{word[1]: whole}}
		one := &openapi.Schema{Type: "object", AdditionalProperties: false, Properties: map[string]*openapi.Schema{"reason": openapi.String(0, httpserver.MaxReason)}}
		if verb == activity.Retry {
			for _, member := range []string{"counted", "duplicates", "still_parked"} {
				answer.Properties[member] = whole
				answer.Required = append(answer.Required, member)
			}
		} else {
			one.Properties["reason"], one.Required = openapi.String(1, httpserver.MaxReason), []string{"reason"}
		}
		many := &openapi.Schema{
			Type: "object", AdditionalProperties: false, Required: one.Required,
			Properties: map[string]*openapi.Schema{"reason": one.Properties["reason"], "class": class, "before": moment},
		}
		openapi.FilterOrAll(many, "class", "before")
		all["POST "+base+entryPath+"/"+word[0]] = openapi.Operation{ID: word[0] + own, Summary: "Decide about one of them.", Path: name, Body: one, Answer: answer}
		all["POST "+base+"/"+word[0]] = openapi.Operation{ID: word[0] + "All" + own, Summary: "Decide about all that the filter selects.", Path: name, Body: many, Answer: answer}
	}
	return all
}

package activityapi

import (
	"maps"
	"net/http"
	"strings"

	"ordertally/activity"
	"ordertally/shared/auth/keyapi"
	"ordertally/shared/backup/backupapi"
	"ordertally/shared/parked/parkedapi"
	"ordertally/shared/service/history"
	"ordertally/shared/web"
	"ordertally/shared/web/openapi"
	"ordertally/shared/web/problem"
)

const title = "Ordertally: statistics"

const says = "Tells how the business is doing: what was counted, by day in any time zone. Sums of money are whole " +
	"numbers of minor units of their currency: 255 GBP is 2.55 pounds. " +
	"What can be counted is declared in the service's settings: of each activity that is declared here the answers " +
	"about days are described under its own path, with its figures, " +
	"and under {activity} for any."

// liveEvent describes one event of the stream. Its data is JSON as text.
var liveEvent = openapi.Named{Name: "LiveEvent", Schema: &openapi.Schema{
	Type: "object", Required: []string{"event", "id", "data"}, Description: "One server-sent event.",
	Properties: map[string]*openapi.Schema{
		"event": openapi.Said(openapi.Enum("snapshot", "update"),
			"snapshot has all minutes that have events, update those that changed."),
		"id": openapi.Said(text, "What Last-Event-ID goes on after."),
		"data": openapi.Said(text, "JSON: activity, day, tz, count and the figures of today, minutes, final, lag "+
			"and as_of, each as in the answers about a day."),
	},
}}

// Contract is what the document and the pages about problems are made from. Its handlers do not serve.
func Contract(defs ...activity.Definition) openapi.API {
	return openapi.API{
		Title:      title,
		Says:       says,
		Routes:     (&API{}).routes(),
		Operations: operations(defs),
		Problems: []problem.Kind{problem.KindInvalidParameter, problem.KindUnavailable, problem.KindCorrupt,
			web.KindOverloaded},
		Closed: append([]openapi.Closed{
			openapi.ClosedSet(
				"What became of a message: counted; parked (it cannot be counted); late (it may have been counted "+
					"and forgotten; an operator decides); conflict (another message had its id; an operator decides); "+
					"unknown (not read yet, never sent, or forgotten).",
				activity.MessageStates()...),
			openapi.ClosedSet(
				"Why a message was not counted: tombstone (it has no value), envelope (its headers are not those of "+
					"a CloudEvent), unknown_type, unknown_version, malformed (not the JSON that is expected), "+
					"impossible (its values contradict each other or reality), too_large (more than "+
					"max-record-bytes), skipped (an operator skipped it unread), late (so old that its id may have "+
					"been forgotten, and its lineage and sequence number do not settle it), conflict (a message with "+
					"the same id and other content was read before).",
				classes()...),
			openapi.ClosedSet(
				"What a counted message is known by: its id, or, once that has expired, its lineage and sequence.",
				knownByID,
				knownBySequence,
			),
			openapi.ClosedSet(
				"The kind of incident: truncated (Kafka lost the end of a partition), recreated (the topic was "+
					"deleted "+
					"and made again), expired (records were deleted before they were read), forged (another program "+
					"wrote messages with a lineage that is not its own).",
				activity.IncidentKinds()...),
			openapi.ClosedSet(
				"The state of the connection to Kafka: connecting (Kafka was not reached yet, or does not have the "+
					"topic), up, down (Kafka cannot be reached; the service keeps trying).",
				activity.LinkStates()...),
			keyapi.ClosedSets()[0],
		}, parkedapi.ClosedSets()...),
	}
}

// classes returns the reasons for which messages are kept.
func classes() (all []activity.Reason) {
	for _, ledger := range activity.AllLedgers() {
		all = append(all, activity.LedgerReasons(ledger)...)
	}
	return all
}

const base = "/v1/activities/{activity}"

var (
	plain     = openapi.Fresh()
	entityTag = openapi.Header{Name: "ETag", Says: "Of a final answer, for If-None-Match. Left out of others.",
		Schema: &openapi.Schema{Type: "string", Pattern: `^"[0-9a-f]{32}"$`}}
	unknown = refused(activity.CodeUnknownActivity)
	anyName = map[string]*openapi.Schema{
		"activity": openapi.Said(openapi.String(1, 0), "An activity's name, as GET /v1/activities lists it.",
			"ORDER_CREATED"), "day": dayOfPath}
	dayOfPath = &openapi.Schema{Type: "string", Description: "YYYY-MM-DD, or today.",
		Pattern: `^(today|[0-9]{4}-[0-9]{2}-[0-9]{2})$`, Examples: []any{"2010-12-01"}}
	zone = openapi.Parameter{Name: "tz",
		Says:   "IANA time zone; the service has a default, UTC unless it was set otherwise.",
		Schema: openapi.Said(openapi.String(1, 0), "", "Europe/London")}
	until = openapi.Parameter{Name: "until", Says: "Only what happened before that local time, HH:MM on a quarter " +
		"hour. It compares a day that goes on with another one.",
		Schema: &openapi.Schema{Type: "string", Pattern: `^([01][0-9]|2[0-3]):(00|15|30|45)$`,
			Examples: []any{"14:15"}}}
	from = openapi.Parameter{Name: "from", Says: "The first day.", Required: true, Schema: date}
	to   = openapi.Parameter{Name: "to", Says: "The last day, included; at most 400 days.", Required: true,
		Schema: date}
	by = openapi.Parameter{Name: "by", Says: "What a period is; day when it is left out.",
		Schema: openapi.Enum(activity.ByDay, activity.ByWeek, activity.ByMonth)}
	kept = openapi.Cached("no-cache of a final answer: keep it, and ask again with If-None-Match. no-store of "+
		"others.", "no-cache", "no-store")
)

// operations describes the routes, by method and path.
func operations(defs []activity.Definition) map[string]openapi.Operation {
	all := map[string]openapi.Operation{
		"GET /v1/activities": {ID: "listActivities", Summary: "What is counted.", Answer: listBody{},
			AnswerHeaders: plain},
		"GET " + base + "/incidents": {ID: "listIncidents", Summary: "List the incidents of an activity's topic.",
			Description: "What an operator should know of: where reading did not go on at its position, and messages " +
				"that " +
				"another program may have forged.",
			Path: map[string]*openapi.Schema{"activity": anyName["activity"]}, Answer: incidentsBody{},
			AnswerHeaders: plain, Problems: unknown},
		"GET " + base + "/messages/{message_id}": {
			ID: "getMessage", Summary: "What became of one message.",
			Description: "One that is not known is no error: it may come yet.",
			Path: map[string]*openapi.Schema{"activity": anyName["activity"],
				"message_id": openapi.Said(openapi.String(1, 0), "The message's id, its ce_id; at most 255 bytes.")},
			Query: []openapi.Parameter{
				{Name: "lineage", Says: "With sequence: known also after its id has expired. Both or none.",
					Schema: openapi.String(1, 0)},
				{Name: "sequence", Says: "The slot it was published under.", Schema: openapi.Integer(1)},
			},
			Answer: messageBody{}, AnswerHeaders: plain, Problems: unknown,
		},
		"GET " + base + "/digests": {
			ID: "listDigests", Summary: "The quarter hours of a range of UTC days that have events, with digests of " +
				"their ids.", Path: anyName, Query: []openapi.Parameter{from, to}, Answer: anyActivity.digests(),
			AnswerHeaders: plain, Problems: append(
				refused(activity.CodeInvalidDay, activity.CodeInvalidRange, activity.CodeRangeTooLong), unknown...),
		},
		"GET " + base + "/live": {
			ID: "live", Summary: "Today as server-sent events: snapshot, then update.", Path: anyName,
			Query: []openapi.Parameter{zone},
			Description: "An event at most every 250 ms, a comment every 15 s. The stream has no end; it is closed " +
				"when the service stops.",
			Headers: []openapi.Parameter{
				{Name: "Last-Event-ID", Says: "Send what was missed since that event, or a snapshot when that is too " +
					"much.", Schema: text}},
			Media: "text/event-stream", Answer: liveEvent, AnswerHeaders: plain,
			Problems: append(refused(activity.CodeInvalidZone, activity.CodeOffQuarterHour), unknown...),
		},
	}
	for key, op := range aboutDays(anyActivity, base) {
		op.Problems = append(op.Problems, unknown...)
		all[key] = op
	}
	for _, s := range shapes(defs) {
		for key, op := range aboutDays(s, "/v1/activities/"+s.def.Name) {
			op.Of = strings.Replace(key, "/"+s.def.Name+"/", "/{activity}/", 1)
			all[key] = op
		}
	}
	maps.Copy(all, rebuildOperations())
	maps.Copy(all, keyapi.Operations())
	maps.Copy(all, backupapi.Operations())
	maps.Copy(all, history.Operations())
	ledgers := (&API{}).ledgerAPIs()
	maps.Copy(all, ledgers[0].AuditOperation())
	for _, ledger := range ledgers {
		maps.Copy(all, ledger.Operations())
	}
	return all
}

// aboutDays describes the answers about days below base, for one shape.
func aboutDays(s shape, base string) map[string]openapi.Operation {
	of := ""
	if s.def != nil {
		of = " of " + s.def.Name
	}
	// Clients may revalidate every answer about days.
	describe := func(op openapi.Operation, codes ...activity.Code) openapi.Operation {
		op.Path, op.Headers = anyName, []openapi.Parameter{openapi.IfNoneMatch()}
		op.AnswerHeaders = []openapi.Header{kept, entityTag}
		tagged := entityTag
		tagged.Says, tagged.Required = "Of the answer that you have.", true
		op.Replies = []openapi.Reply{{Status: http.StatusNotModified,
			Says:    "The answer is final and If-None-Match names it: what you have still holds.",
			Headers: []openapi.Header{openapi.Cached("Ask again later.", "no-cache"), tagged}}}
		op.Problems = refused(append(codes, activity.CodeInvalidDay, activity.CodeInvalidZone)...)
		return op
	}
	return map[string]openapi.Operation{
		"GET " + base + "/days/{day}": describe(openapi.Operation{
			ID: "get" + s.name + "Day", Summary: "One day" + of + ".", Query: []openapi.Parameter{zone, until},
			Answer: s.day(), AnswerExample: s.exampleDay(),
		}, activity.CodeOffQuarterHour),
		"GET " + base + "/days/{day}/minutes": describe(openapi.Operation{
			ID: "list" + s.name + "Minutes", Summary: "The minutes of a day" + of + " that have events.",
			Query: []openapi.Parameter{zone}, Answer: s.minutes(),
		}, activity.CodeOffQuarterHour),
		"GET " + base + "/days": describe(openapi.Operation{
			ID: "list" + s.name + "Days", Summary: "A range" + of + " by day, ISO week or month, the oldest first.",
			Query: []openapi.Parameter{from, to, zone, by}, Answer: s.days(),
		}, activity.CodeInvalidRange, activity.CodeRangeTooLong),
	}
}

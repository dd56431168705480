package activityapi

import (
	"context"
	"net/http"
	"time"

	"ordertally/activity"
	"ordertally/shared/auth"
	"ordertally/shared/parked"
	"ordertally/shared/parked/parkedapi"
	"ordertally/shared/web"
	"ordertally/shared/web/openapi"
	"ordertally/shared/web/problem"
)

const (
	rebuildPath = base + "/rebuild"
	// maxDifferences is how many days an answer about a rebuild names.
	maxDifferences = 400
	// compareTimeout bounds the comparison of all days, swapTimeout a swap.
	compareTimeout, swapTimeout = time.Minute, 5 * time.Minute
)

func (a *API) rebuildRoutes() []web.Route {
	return []web.Route{
		{Method: http.MethodGet, Path: rebuildPath, Scope: auth.OpsRead, Handler: a.json(a.rebuild)},
		{Method: http.MethodPost, Path: rebuildPath, Scope: auth.OpsWrite, Handler: a.handle(a.beginRebuild)},
		{Method: http.MethodPost, Path: rebuildPath + "/swap", Scope: auth.OpsWrite, Handler: a.handle(a.swap)},
		{Method: http.MethodPost, Path: rebuildPath + "/discard", Scope: auth.OpsWrite,
			Handler: a.handle(a.discardRebuild)},
	}
}

// rebuild answers with how far a rebuild is, and with the days that differ.
func (a *API) rebuild(r *http.Request) (any, error) {
	act, err := a.activity(r)
	if err != nil {
		return nil, err
	}
	query, err := parameters(r, "tz")
	if err != nil {
		return nil, err
	}
	zone, err := a.zoneOf(query)
	if err != nil {
		return nil, err
	}
	return a.rebuildBody(r.Context(), act, zone)
}

func (a *API) rebuildBody(ctx context.Context, act *Activity, zone activity.Zone) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, compareTimeout)
	defer cancel()
	s, err := act.Rebuild.Status(ctx, zone, maxDifferences)
	if err != nil {
		return nil, err
	}
	body := object{{"activity", act.Name}, {"tz", zone.String()}, {"state", s.State},
		{"began_at", s.Began.Format(time.RFC3339Nano)}}
	if s.By != "" {
		body.add("by", s.By)
	}
	body.add("counted", s.Done)
	body.add("left", s.Left)
	if !s.Since.IsZero() {
		body.add("since", s.Since.Format(time.RFC3339Nano))
	}
	list := make([]object, 0, len(s.Differences))
	for i := range s.Differences {
		d := &s.Differences[i]
		live, rebuilt := object{}, object{}
		live.addFigures(&act.Definition, d.Live)
		rebuilt.addFigures(&act.Definition, d.Rebuilt)
		day := object{{"day", d.Date.String()}, {"figures", d.Figures}, {"live", live}, {"rebuilt", rebuilt}}
		if d.Forgotten {
			day.add("partial", true)
		}
		list = append(list, day)
	}
	body.add("differences", list)
	if s.More {
		body.add("more", true)
	}
	return body, nil
}

// order reads a decision about a rebuild and carries it out. It answers with what answer returns.
func (a *API) order(w http.ResponseWriter, r *http.Request, verb parked.Verb,
	do func(ctx context.Context, act *Activity, d parked.Decision) (any, error)) error {
	act, err := a.activity(r)
	if err != nil {
		return err
	}
	d, err := parkedapi.ReadReason(w, r, verb)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(r.Context(), swapTimeout)
	defer cancel()
	body, err := do(ctx, act, d)
	if err != nil {
		return err
	}
	answer, err := encode(body)
	if err != nil {
		return err
	}
	a.send(w, r, answer)
	return nil
}

func (a *API) beginRebuild(w http.ResponseWriter, r *http.Request) error {
	return a.order(w, r, parked.Rebuild, func(ctx context.Context, act *Activity, d parked.Decision) (any, error) {
		if err := act.Rebuild.Begin(ctx, d); err != nil {
			return nil, err
		}
		return a.rebuildBody(ctx, act, a.zone)
	})
}

type swappedBody struct {
	// The activity, such as ORDER_CREATED.
	Activity string `json:"activity"`
	// Quarter hours before it keep the earlier figures where these have more events, because the topic has forgotten
	// records from before it. Left out when the topic had its beginning.
	Since *time.Time `json:"since,omitempty"`
}

func (a *API) swap(w http.ResponseWriter, r *http.Request) error {
	return a.order(w, r, parked.Swap, func(ctx context.Context, act *Activity, d parked.Decision) (any, error) {
		since, err := act.Rebuild.Swap(ctx, d)
		body := swappedBody{Activity: act.Name}
		if !since.IsZero() {
			body.Since = &since
		}
		return body, err
	})
}

type discardedBody struct {
	// The activity, such as ORDER_CREATED.
	Activity string `json:"activity"`
}

func (a *API) discardRebuild(w http.ResponseWriter, r *http.Request) error {
	return a.order(w, r, parked.Discard, func(ctx context.Context, act *Activity, d parked.Decision) (any, error) {
		return discardedBody{act.Name}, act.Rebuild.Discard(ctx, d)
	})
}

// rebuildOperations describes the routes about rebuilds.
func rebuildOperations() map[string]openapi.Operation {
	path := map[string]*openapi.Schema{"activity": anyName["activity"]}
	with := func(codes ...activity.Code) []problem.Kind {
		return append(append(refused(codes...), unknown...), parkedapi.Problems()...)
	}
	return map[string]openapi.Operation{
		"GET " + rebuildPath: {
			ID: "getRebuild", Summary: "How far the activity is counted again, and which days differ.", Path: path,
			Query: []openapi.Parameter{zone}, Answer: rebuildSchema(), AnswerHeaders: plain,
			Problems: append(refused(activity.CodeNoRebuild, activity.CodeInvalidZone), unknown...),
		},
		"POST " + rebuildPath: {
			ID: "beginRebuild", Summary: "Count the activity again from the beginning of its topic.",
			Description: "Beside the figures that are answered, which go on. If a rebuild is under way it goes on. " +
				"After " +
				"a restart it goes on where it was, or begins anew if the activity is declared otherwise.",
			Path: path, Body: parkedapi.Reason(parked.Rebuild), BodyExample: parkedapi.ReasonExample,
			Answer: rebuildSchema(), AnswerHeaders: plain,
			Problems: with(activity.CodeNotRebuildable, activity.CodeNoRebuild),
		},
		"POST " + rebuildPath + "/swap": {
			ID: "swapRebuild", Summary: "Answer with what was counted again from now on.",
			Description: "In one transaction, at the same offsets. Figures that the topic can no longer give stay as " +
				"they " +
				"are: see since.",
			Path: path, Body: parkedapi.Reason(parked.Swap), BodyExample: parkedapi.ReasonExample,
			Answer: swappedBody{}, AnswerHeaders: plain,
			Problems: with(activity.CodeNoRebuild, activity.CodeRebuildBehind),
		},
		"POST " + rebuildPath + "/discard": {
			ID: "discardRebuild", Summary: "Give up what was counted again.", Path: path,
			Body: parkedapi.Reason(parked.Discard), BodyExample: parkedapi.ReasonExample, Answer: discardedBody{},
			AnswerHeaders: plain,
			Problems:      with(activity.CodeNoRebuild),
		},
	}
}

// rebuildSchema describes a rebuild.
func rebuildSchema() openapi.Named {
	figures := openapi.Named{
		Name:   "RebuildFigures",
		Parts:  []any{anyFigure()},
		Schema: anyActivity.object("The figures of a day.", nil, map[string]*openapi.Schema{}, everyMeasure),
	}
	ref := func(says string) *openapi.Schema {
		s := openapi.Ref(figures.Name)
		s.Description = says
		return s
	}
	day := openapi.Named{Name: "RebuildDay", Parts: []any{figures}, Schema: &openapi.Schema{
		Type: "object", AdditionalProperties: false, Required: []string{"day", "figures", "live", "rebuilt"},
		Description: "A day on which the two counts differ.",
		Properties: map[string]*openapi.Schema{
			"day":     openapi.Said(date, "The day, in the zone tz."),
			"figures": list(text, "Which figures differ: count, or the names of measures."),
			"live":    ref("What is answered now."),
			"rebuilt": ref("What was counted again."),
			"partial": openapi.Said(yes,
				"The topic has forgotten records that the day may consist of. A swap keeps the "+
					"live figures of its quarter hours that have more events. Left out otherwise."),
		},
	}}
	return openapi.Named{Name: "Rebuild", Parts: []any{day}, Schema: &openapi.Schema{
		Type: "object", AdditionalProperties: false, Description: "An activity that is counted again.",
		Required: []string{"activity", "tz", "state", "began_at", "counted", "left", "differences"},
		Properties: about(map[string]*openapi.Schema{
			"tz": openapi.Said(text, "The IANA time zone that the days are of.", "Europe/London"),
			"state": openapi.Said(openapi.Enum(activity.RebuildStates()...), "How far it is: counting; ready (it has "+
				"caught up, and follows); stopped (the service died several times while the rebuild made no progress: "+
				"begin it again to try once more)."),
			"began_at": openapi.Said(moment, "When it began."),
			"by":       openapi.Said(text, "Who began it. Left out where nobody needs a credential.", "key:ops"),
			"counted":  openapi.Said(whole, "Offsets that were counted again."),
			"left":     openapi.Said(whole, "Offsets to go, up to where the activity stands."),
			"since": openapi.Said(moment,
				"Earlier records are no longer all in the topic. Left out when the topic has "+
					"its beginning."),
			"differences": list(openapi.Ref(day.Name), "Once it is ready, the days that differ, oldest first; at most "+
				"400. While events come in, today may differ by those that are on their way."),
			"more": openapi.Said(yes, "More days differ. Left out otherwise."),
		}),
	}}
}

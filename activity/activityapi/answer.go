package activityapi

import (
	"context"
	"runtime"
	"time"

	"ordertally/activity"
)

// answer is what a response says about the figures in it: how complete they are, and as of when.
type answer struct {
	basis
	asOf activity.AsOf
	// changed says when the figures of a final range changed last.
	changed activity.Changed
}

// answer reads the statistics for days.
func (a *API) answer(ctx context.Context, act *Activity, days *activity.Days,
	add func(activity.Quarter, *activity.Totals)) (*answer, error) {
	span := days.Span()
	large := span.To-span.From > smallSpan
	basis, end, err := a.begin(ctx, act, days.Ends(), large)
	if err != nil {
		return nil, err
	}
	defer end()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if large {
		add = yielding(add)
	}
	asOf, err := act.Statistics.Read(ctx, span, add)
	if err != nil {
		return nil, err
	}
	given := &answer{basis: basis, asOf: asOf}
	if given.final {
		for i := range days.All() {
			given.changed.Merge(&days.All()[i].Changed)
		}
	}
	return given, nil
}

// yielding makes a large read let others run now and then.
func yielding(add func(activity.Quarter, *activity.Totals)) func(activity.Quarter, *activity.Totals) {
	read := 0
	return func(q activity.Quarter, t *activity.Totals) {
		if read++; read%yieldEvery == 0 {
			runtime.Gosched()
		}
		add(q, t)
	}
}

// asOf says which messages an answer contains.
type asOf struct {
	// When what the answer tells was counted last; of a final one, when it changed last. Left out when nothing was.
	// Example: 2010-12-01T08:26:00.031Z
	At *time.Time `json:"at,omitempty"`
	// The latest event that was counted. Left out when none was, and of a final answer.
	// Example: 2010-12-01T08:26:00Z
	Event *time.Time `json:"event_time,omitempty"`
	// The next offset of each partition: what stands before it is counted.
	Offsets map[int32]int64 `json:"offsets"`
	// Messages wait to be counted, or it is not known whether any do.
	Lagging bool `json:"lagging"`
	// How many messages wait. Left out until Kafka has said how many there are, and while it cannot be reached.
	Lag *int64 `json:"lag,omitempty" minimum:"0"`
}

// body returns as_of. For a final range it describes the last change, so that the answer stays the same to the byte.
func (g *answer) body() asOf {
	if g.final {
		none := int64(0)
		body := asOf{Offsets: g.changed.Next, Lag: &none}
		if body.Offsets == nil {
			body.Offsets = map[int32]int64{}
		}
		if !g.changed.At.IsZero() {
			body.At = &g.changed.At
		}
		return body
	}
	body := asOf{Offsets: make(map[int32]int64, len(g.asOf.Next)), Lagging: !g.known || g.lag > 0}
	if g.known {
		body.Lag = &g.lag
	}
	if !g.asOf.At.IsZero() {
		body.At = &g.asOf.At
	}
	if !g.asOf.Event.IsZero() {
		body.Event = &g.asOf.Event
	}
	for partition, position := range g.asOf.Next {
		body.Offsets[partition] = position.Offset
	}
	return body
}

// addState adds the members final, lag and as_of.
func (o *object) addState(g *answer) {
	body := g.body()
	o.add("final", g.final)
	if body.Lag != nil {
		o.add("lag", *body.Lag)
	}
	o.add("as_of", body)
}

// cacheable is a body that stays the same until a figure in it changes.
type cacheable struct{ body any }

func (g *answer) representation(body any) any {
	if g.final {
		return cacheable{body}
	}
	return body
}

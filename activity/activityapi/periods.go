package activityapi

import (
	"context"
	"runtime"
	"slices"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"ordertally/activity"
)

// periodAnswer makes the days, weeks or months of a range.
type periodAnswer struct {
	api     *API
	act     *Activity
	zone    activity.Zone
	by      activity.By
	periods *activity.Periods
	given   *answer
	list    []encoded
}

// read returns the answer and the periods in JSON. All of it is read at one moment.
func (p *periodAnswer) read(ctx context.Context) (*answer, []encoded, error) {
	ask := activity.Ask{Tables: p.by != activity.ByDay, Closed: p.act.Progress.Through()}
	for i := range p.periods.All {
		ask.Groups = append(ask.Groups, p.periods.All[i].Spans)
	}
	basis, end, err := p.api.begin(ctx, p.act, p.periods.Ends, p.periods.Size > smallSpan)
	if err != nil {
		return nil, nil, err
	}
	defer end()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	p.given, p.list = &answer{basis: basis}, make([]encoded, 0, len(ask.Groups))
	p.given.asOf, err = p.act.Statistics.Merged(ctx, ask, p.see)
	return p.given, p.list, err
}

// see makes one period. It uses the text of an earlier answer if the totals are still the same.
func (p *periodAnswer) see(g activity.Group) error {
	period := &p.periods.All[g.Number]
	if p.by == activity.ByDay && period.Why != nil { // its figures are not known, so zeros would be wrong
		return p.add(object{{string(p.by), period.Name}, {"unavailable", period.Why.Error()}})
	}
	since := g.AsOf.Since
	partial := !since.IsZero() && p.zone.Starts(period.From).Before(since)
	at := periodAt{p.act.Name, p.zone.String(), p.by, period.From, period.To}
	known := g.Stamp != 0 && len(period.Unavailable) == 0
	if known {
		if text := p.api.periods.find(at, period.Spans, g.Stamp, partial); text != nil {
			p.list = append(p.list, text.text)
			p.changed(&text.changed)
			return nil
		}
	}
	runtime.Gosched() // a long range lets others run now and then
	totals, err := g.Load()
	if err != nil {
		return err
	}
	if err := p.add(p.body(period, totals, partial)); err != nil {
		return err
	}
	p.changed(&totals.Changed)
	if known {
		p.api.periods.keep(at, &periodText{
			spans: period.Spans, stamp: g.Stamp, partial: partial,
			text: p.list[len(p.list)-1], changed: totals.Changed,
		})
	}
	return nil
}

func (p *periodAnswer) changed(by *activity.Changed) {
	if p.given.final {
		p.given.changed.Merge(by)
	}
}

func (p *periodAnswer) add(o object) error {
	text, err := o.MarshalJSON()
	p.list = append(p.list, text)
	return err
}

func (p *periodAnswer) body(period *activity.Period, totals *activity.Totals, partial bool) object {
	body := object{{string(p.by), period.Name}}
	if p.by != activity.ByDay {
		body.add("from", period.From.String())
		body.add("to", period.To.String())
	}
	def := &p.act.Definition
	body.addFigures(def, totals)
	body.addDetails(def, totals)
	if len(period.Unavailable) > 0 {
		body.addUnavailable(period)
	} else if partial {
		body.add("partial", true)
	}
	if p.by != activity.ByDay { // too much for each of 400 days
		body.addDimensions(def, totals)
	}
	return body
}

// addUnavailable names the days that are missing from the figures of a period.
func (o *object) addUnavailable(p *activity.Period) {
	names := make([]string, len(p.Unavailable))
	for i, day := range p.Unavailable {
		names[i] = day.String()
	}
	o.add("partial", true)
	o.add("unavailable", names)
}

// maxPeriodBytes bounds the texts of periods that are kept in memory: 400 days of about fifty zones.
const maxPeriodBytes = 8 << 20

// periodTexts keeps texts of periods, by what they tell of. It is safe for concurrent use.
type periodTexts struct {
	mu    sync.Mutex
	texts *simplelru.LRU[periodAt, *periodText]
	bytes int
	room  int
}

type periodAt struct {
	activity, zone string
	by             activity.By
	from, to       activity.Date
}

// periodText is a period in JSON, with all that it was made from.
type periodText struct {
	spans   []activity.Span
	stamp   activity.Stamp
	partial bool
	text    encoded
	changed activity.Changed
}

// size is about how much memory a text takes.
func (t *periodText) size() int { return 300 + len(t.text) + 16*len(t.spans) }

func newPeriodTexts() *periodTexts {
	p := &periodTexts{room: maxPeriodBytes}
	// The only possible error is a size below 1.
	p.texts, _ = simplelru.NewLRU(maxPeriodBytes, func(_ periodAt, t *periodText) { p.bytes -= t.size() })
	return p
}

// find returns the text of a period if it was made from the same, otherwise nil.
func (p *periodTexts) find(at periodAt, spans []activity.Span, stamp activity.Stamp, partial bool) *periodText {
	p.mu.Lock()
	t, found := p.texts.Get(at)
	p.mu.Unlock()
	if !found || t.partial != partial || t.stamp != stamp || !slices.Equal(t.spans, spans) {
		return nil
	}
	return t
}

func (p *periodTexts) keep(at periodAt, t *periodText) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.texts.Remove(at)
	if t.size() > p.room/4 {
		return
	}
	p.texts.Add(at, t)
	for p.bytes += t.size(); p.bytes > p.room; {
		p.texts.RemoveOldest()
	}
}

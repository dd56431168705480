package activityapi

import (
	"bytes"
	"embed"
	"net/http"
	"sync"

	"ordertally/activity"
	"ordertally/shared/web/webpage"
)

//go:embed page/index.html
var pageHTML string

// assets has the files that the page loads besides those of webpage.
//
//go:embed page/*.js
var assets embed.FS

// page serves the HTML page. The HTML contains today's figures, in the zone of --zone. It does not if callers need a
// credential, because a browser sends none with its first request. Then the page is the same for everybody all day, and
// its script asks for the figures.
func (a *API) page(w http.ResponseWriter, r *http.Request) {
	act := &a.activities[0]
	for i := range a.activities {
		if a.activities[i].Name == r.URL.Query().Get("activity") {
			act = &a.activities[i]
		}
	}
	if a.closed {
		page, err := a.pages.of(act, a.zone.DateOf(a.clock.Now()), a.render)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		page.ServeHTTP(w, r)
		return
	}
	answer, err := a.share(r, act, func(r *http.Request) (any, error) {
		days, err := activity.NewDay(a.zone, a.zone.DateOf(a.clock.Now()))
		if err != nil {
			return nil, err
		}
		given, err := a.answer(r.Context(), act, days, days.Add)
		if err != nil {
			return nil, err
		}
		return a.render(act, &days.All()[0], given.body())
	})
	if err != nil {
		a.fail(w, r, err)
		return
	}
	webpage.Write(w, answer.text)
}

// render returns the page.
func (a *API) render(act *Activity, day *activity.Day, state asOf) (html, error) {
	var text bytes.Buffer
	err := a.html.Execute(&text, struct {
		Activity   string
		Activities []Activity
		Zone       activity.Zone
		Day        *activity.Day
		AsOf       asOf
		OrderURL   webpage.Address
		Closed     bool
	}{act.Name, a.activities, a.zone, day, state, a.orderURL, a.closed})
	return text.Bytes(), err
}

// pages keeps the pages of one day, by activity. Each is rendered once.
type pages struct {
	mu   sync.Mutex
	day  activity.Date
	made map[string]*webpage.Page
}

func (p *pages) of(
	act *Activity,
	day activity.Date,
	render func(*Activity, *activity.Day, asOf) (html, error),
) (*webpage.Page, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.made == nil || p.day != day {
		p.day, p.made = day, make(map[string]*webpage.Page)
	}
	if page := p.made[act.Name]; page != nil {
		return page, nil
	}
	text, err := render(act, &activity.Day{Date: day}, asOf{})
	if err != nil {
		return nil, err
	}
	p.made[act.Name] = webpage.NewPage(text)
	return p.made[act.Name], nil
}

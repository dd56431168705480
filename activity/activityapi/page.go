package activityapi

import (
	"bytes"
	"embed"
	"net/http"

	"ordertally/activity"
	"ordertally/shared/webpage"
)

//go:embed page/index.html
var pageHTML string

// assets are what the page loads. uPlot is by Leon Sorokin, MIT licence, see page/uPlot-LICENSE; its files are as released.
//
//go:embed page/*.css page/*.js
var assets embed.FS

// page shows how business goes. What was counted today, in the zone of --zone, is in the HTML, unless callers need a credential: a browser sends none
// with its first request. The rest the page asks for itself.
func (a *API) page(w http.ResponseWriter, r *http.Request) {
	act := &a.activities[0]
	for i := range a.activities {
		if a.activities[i].Name == r.URL.Query().Get("activity") {
			act = &a.activities[i]
		}
	}
	days, err := activity.NewDay(a.zone, a.zone.DateOf(a.clock.Now()))
	if err != nil {
		a.fail(w, r, err)
		return
	}
	given, err := a.answer(r.Context(), act, days, days.Add)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	var html bytes.Buffer
	err = a.html.Execute(&html, struct {
		Activity   string
		Activities []Activity
		Zone       activity.Zone
		Day        activity.Day
		AsOf       asOf
		Closed     bool
	}{act.Name, a.activities, a.zone, days.All()[0], given.body(), a.closed})
	if err != nil {
		a.fail(w, r, err)
		return
	}
	webpage.Write(w, html.Bytes())
}

package activityapi

import (
	"bytes"
	"embed"
	"mime"
	"net/http"
	"path"

	"ordertally/activity"
	"ordertally/shared/problem"
)

//go:embed page/index.html
var pageHTML string

// assets are what the page loads. uPlot is by Leon Sorokin, MIT licence, see page/uPlot-LICENSE; its files are as released.
//
//go:embed page/*.css page/*.js
var assets embed.FS

// contentSecurityPolicy lets the page load its own files and ask its own service, nothing else, and nobody frame it.
const contentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// page shows how business goes. What was counted today, in UTC, is in the HTML; the rest the page asks for itself.
func (a *API) page(w http.ResponseWriter, r *http.Request) {
	act := &a.activities[0]
	for i := range a.activities {
		if a.activities[i].Name == r.URL.Query().Get("activity") {
			act = &a.activities[i]
		}
	}
	today := activity.UTC().DateOf(a.clock.Now())
	days, err := activity.NewDays(activity.UTC(), today, today)
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
		AsOf       asOfBody
	}{act.Name, a.activities, a.zone, days.All()[0], given.body()})
	if err != nil {
		a.fail(w, r, err)
		return
	}
	header(w, "text/html; charset=utf-8", html.Len())
	w.Header().Set("Content-Security-Policy", contentSecurityPolicy)
	w.Header().Set("Referrer-Policy", "no-referrer")
	_, _ = w.Write(html.Bytes()) // the only error is a client that has gone
}

// asset serves a file of the page.
func (a *API) asset(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	content, err := assets.ReadFile("page/" + name)
	if err != nil {
		problem.Write(w, r, problem.NotFound())
		return
	}
	header(w, mime.TypeByExtension(path.Ext(name)), len(content))
	w.Header().Set("Cache-Control", "no-cache") // the next release changes it
	_, _ = w.Write(content)                     // the only error is a client that has gone
}

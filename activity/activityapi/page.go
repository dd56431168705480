package activityapi

import (
	"bytes"
	_ "embed"
	"net/http"

	"ordertally/activity"
)

//go:embed page/index.html
var pageHTML string

//go:embed page/page.css
var pageCSS []byte

// contentSecurityPolicy lets the page load its own style sheet and an empty icon, nothing else, and nobody frame it.
const contentSecurityPolicy = "default-src 'none'; img-src data:; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// page shows today, in UTC. The numbers are in the HTML; it asks for itself again every few seconds.
func (a *API) page(w http.ResponseWriter, r *http.Request) {
	act := &a.activities[0]
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
		Activity string
		Day      activity.Day
		AsOf     asOfBody
	}{act.Name, days.All()[0], given.body()})
	if err != nil {
		a.fail(w, r, err)
		return
	}
	header(w, "text/html; charset=utf-8", html.Len())
	w.Header().Set("Content-Security-Policy", contentSecurityPolicy)
	w.Header().Set("Referrer-Policy", "no-referrer")
	_, _ = w.Write(html.Bytes()) // the only error is a client that has gone
}

func (a *API) style(w http.ResponseWriter, _ *http.Request) {
	header(w, "text/css; charset=utf-8", len(pageCSS))
	_, _ = w.Write(pageCSS) // the only error is a client that has gone
}

package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ordertally/shared/settings"
	"ordertally/shared/text/output"
)

// canned answers each path with JSON, and notes the last query.
func canned(t *testing.T, answers map[string]string) (url string, query *string) {
	query = new(string)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer, found := answers[r.URL.Path]
		if !found {
			http.NotFound(w, r)
			return
		}
		*query = r.URL.RawQuery
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, answer)
	}))
	t.Cleanup(server.Close)
	return server.URL, query
}

func TestDays_HaveAColumnForEachCurrency(t *testing.T) {
	const days = "/v1/activities/ORDER_CREATED/days"
	url, query := canned(t, map[string]string{
		days + "/today": `{"day":"2026-03-02","count":0,"tz":"UTC"}`,
		days: `{"activity":"ORDER_CREATED","tz":"UTC","from":"2026-03-01","to":"2026-03-02","final":true,` +
			`"as_of":{},"days":[` +
			`{"day":"2026-03-01","count":2,"items":3,"revenue":{"GBP":150,"JPY":7}},` +
			`{"day":"2026-03-02","count":1,"items":1,"revenue":{"EUR":99999999999999999999}},` +
			`{"day":"2026-03-03","unavailable":"its offset is off the quarter hour"}]}`,
	})
	for format, want := range map[string]string{
		"csv": "day,count,items,revenue_EUR,revenue_GBP,revenue_JPY,note\n2026-03-01,2,3,0,150,7,\n" +
			"2026-03-02,1,1,99999999999999999999,0,0,\n" +
			"2026-03-03,,,,,,without its offset is off the quarter hour\n",
		"table": "DAY         COUNT  ITEMS                    REVENUE   REVENUE",
	} {
		verb := daysCmd{counted: counted{running{Target: url}, "ORDER_CREATED"}, By: "day", To: "today",
			RowsForm: output.RowsForm{Output: format}}
		var out strings.Builder
		if err := verb.run(t.Context(), &out); err != nil || !strings.HasPrefix(out.String(), want) {
			t.Errorf("%s: %v\n%s", format, err, &out)
		}
		if *query != "by=day&from=2026-02-24&to=2026-03-02" {
			t.Errorf("asked for %s", *query)
		}
	}
	backwards := daysCmd{counted: counted{running{Target: url}, "ORDER_CREATED"}, By: "day", From: "2026-03-02",
		To: "2026-03-01"}
	if err := backwards.run(t.Context(), io.Discard); settings.ExitCode(err) != settings.ExitUsage {
		t.Errorf("backwards: %v", err)
	}
}

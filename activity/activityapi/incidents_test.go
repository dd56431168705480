package activityapi_test

import (
	"net/http"
	"testing"
	"time"

	"ordertally/activity"
)

func TestIncidents_AreListedNewestFirst(t *testing.T) {
	const path = "/v1/activities/ORDER_CREATED/incidents"
	s := newServer(t)
	if got, want := s.get(path), `{"activity":"ORDER_CREATED","incidents":[]}`; got != want {
		t.Errorf("of a new file: %s", got)
	}
	for _, kind := range []activity.IncidentKind{activity.IncidentExpired, activity.IncidentTruncated} {
		_, err := s.store.Apply(t.Context(), &activity.Batch{
			Incidents: []activity.Incident{{Kind: kind, Partition: 3, Offset: 7, Messages: 2, Text: "what was found"}},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	one := func(kind string) string {
		return `{"at":"` + now.Format(time.RFC3339Nano) + `","kind":"` + kind +
			`","partition":3,"offset":7,"messages":2,"text":"what was found"}`
	}
	if got, want := s.get(path), `{"activity":"ORDER_CREATED","incidents":[`+one("truncated")+","+one("expired")+
		`]}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if status := s.do(http.MethodGet, path+"?limit=3").StatusCode; status != http.StatusBadRequest {
		t.Errorf("with a parameter that there is not: %d", status)
	}
	if status := s.do(http.MethodGet, "/v1/activities/NONE/incidents").StatusCode; status != http.StatusNotFound {
		t.Errorf("of no activity: %d", status)
	}
}

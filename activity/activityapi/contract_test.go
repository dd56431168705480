package activityapi_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ordertally/activity"
	"ordertally/activity/activityapi"
	"ordertally/activity/measure"
	"ordertally/shared/web/openapi/openapitest"
)

func TestDocument_IsServed(t *testing.T) {
	server := httptest.NewServer(newServer(t).handler)
	defer server.Close()
	openapitest.Served(t, server.URL, activityapi.Document(def))
}

// TestFinalDay_IgnoresOtherConditions sends conditions of HTTP that the document does not describe. They have no
// effect.
func TestFinalDay_IgnoresOtherConditions(t *testing.T) {
	s := newServer(t)
	s.order("a", "2010-12-01T12:00:00Z", "GBP", 1)
	s.progress.through = now
	want := s.get(days + "/2010-12-01")
	for name, value := range map[string]string{"Range": "bytes=0-9", "If-Match": `"x"`,
		"If-Unmodified-Since": "Wed, 01 Dec 2010 00:00:00 GMT"} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, days+"/2010-12-01", nil)
		r.Header.Set(name, value)
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != want ||
			w.Header().Get("Accept-Ranges") != "" {
			t.Errorf("%s: %d %v %s", name, w.Code, w.Header(), w.Body)
		}
	}
}

// TestDocument_DescribesAnyActivity declares activities whose names are easily confused. Each has its own path and its
// figures in the document.
func TestDocument_DescribesAnyActivity(t *testing.T) {
	var defs []activity.Definition
	for _, name := range []string{"A_B", "AB", "A_2", "A2", "A22", "A__B", "RANGE", "A_RANGE", "A", "DAY", "DAYS",
		"KEPT", "MESSAGE_STATE", "Z_"} {
		named := def
		named.Name = name
		defs = append(defs, named)
	}
	refunds, err := measure.Parse("refunds", "sum(refund.amount)")
	if err != nil {
		t.Fatal(err)
	}
	defs[3].Measures, defs[3].Dimensions = []measure.Measure{refunds}, nil
	api := activityapi.Document(defs...)
	if got, want := len(api.Paths), len(activityapi.Document().Paths)+3*len(defs); got != want {
		t.Errorf("%d paths, want %d", got, want)
	}
	for _, d := range defs {
		path := api.Paths["/v1/activities/"+d.Name+"/days/{day}"]
		if path == nil {
			t.Fatalf("the days of %s are not described", d.Name)
		}
		name := strings.TrimPrefix(path.Get.Responses["200"].Content["application/json"].Schema.Ref,
			"#/components/schemas/")
		day := api.Components.Schemas.Map()[name]
		if _, has := day.Properties["refunds"]; has != (d.Name == "A2") {
			t.Errorf("%s: %s has refunds: %v", d.Name, name, has)
		}
	}
}

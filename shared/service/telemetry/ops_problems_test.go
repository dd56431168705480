package telemetry_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
	"ordertally/shared/service/telemetry"
)

// TestOps_HasAPageForEachProblem follows the type of a problem, as somebody does who met it, and each link of the page.
func TestOps_HasAPageForEachProblem(t *testing.T) {
	ops := telemetry.OpsHandler(telemetry.Ops{
		Registry: telemetry.NewRegistry(), Health: &telemetry.Health{}, Level: &telemetry.Level{},
		Guard: &auth.Guard{Keys: authtest.Keys(t)}, Metrics: metrics(),
	})
	met := get(ops, http.MethodGet, "/debug/pprof/heap") // httptest's address is not of this machine
	var problem struct{ Type, Code string }
	if err := json.Unmarshal(met.Body.Bytes(), &problem); err != nil || problem.Code != "forbidden" {
		t.Fatalf("%d %s: %v", met.Code, met.Body, err)
	}
	list := get(ops, http.MethodGet, "/problems").Body.String()
	links := regexp.MustCompile(`(?:href|src)="(/[^"]*)"`)
	for _, kind := range telemetry.OpsProblems() {
		path := "/problems/" + kind.Code
		page := get(ops, http.MethodGet, path)
		if page.Code != http.StatusOK || !strings.Contains(page.Body.String(), "What the operator does") {
			t.Errorf("%s: %d %s", path, page.Code, page.Body)
		}
		if !strings.Contains(list, `href="`+path+`"`) {
			t.Errorf("/problems does not lead to %s", path)
		}
		for _, link := range links.FindAllStringSubmatch(page.Body.String(), -1) {
			if got := get(ops, http.MethodGet, link[1]); got.Code != http.StatusOK {
				t.Errorf("%s leads to %s: %d", path, link[1], got.Code)
			}
		}
	}
	if page := get(ops, http.MethodGet, problem.Type); page.Code != http.StatusOK {
		t.Errorf("%s: %d", problem.Type, page.Code)
	}
}

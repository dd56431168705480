package docs_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"ordertally/stack"
)

// TestMetrics_AreDocumentedAndFollowTheRules checks every metric of both services against docs/reference/metrics.md and
// the naming rules of Prometheus. It also checks that the alerts use existing metrics.
func TestMetrics_AreDocumentedAndFollowTheRules(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	order, activity, err := stack.Metrics(ctx)
	if err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile("../../docs/reference/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for service, families := range map[string]map[string]*dto.MetricFamily{"order": order, "activity": activity} {
		var table bytes.Buffer
		if err := stack.WriteMetrics(&table, service, families); err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(document, table.Bytes()) {
			t.Errorf("docs/reference/metrics.md is not up to date for %s: run `make generate`", service)
		}
		name := regexp.MustCompile(`^(` + service + `|ordertally|http|background)(_[a-z]+)+$`)
		for _, family := range families {
			known[family.GetName()] = true
			isCounter := family.GetType() == dto.MetricType_COUNTER
			switch {
			case !name.MatchString(family.GetName()):
				t.Errorf("%s: begin with the service's name, and write small letters", family.GetName())
			case isCounter != strings.HasSuffix(family.GetName(), "_total"):
				t.Errorf("%s: the name of a counter, and of nothing else, ends with _total", family.GetName())
			case !strings.HasSuffix(family.GetHelp(), "."):
				t.Errorf("%s: its help is not a sentence: %s", family.GetName(), family.GetHelp())
			}
		}
	}
	rules, err := filepath.Glob("../../deploy/prometheus/*.y*ml")
	if err != nil || len(rules) == 0 {
		t.Fatal(rules, err)
	}
	asked := regexp.MustCompile(`\b(order|activity|http|background)(_[a-z]+)+\b`)
	suffix := regexp.MustCompile(`_(bucket|sum|count)$`)
	for _, file := range rules {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range asked.FindAllString(string(text), -1) {
			if !known[name] && !known[suffix.ReplaceAllString(name, "")] {
				t.Errorf("%s asks for %s, which no service has", file, name)
			}
		}
	}
}

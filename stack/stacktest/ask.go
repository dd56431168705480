package stacktest

import (
	"encoding/json"
	"io"
	"math"
	"net/http"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// Get returns the status of an answer.
func Get(url string) (status int, err error) {
	response, err := http.Get(url)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// Healthy reports whether a URL answers 200.
func Healthy(url string) bool {
	status, err := Get(url)
	return err == nil && status == http.StatusOK
}

// Text returns the body of an answer, which must be a 200.
func Text(t testing.TB, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s, %v", url, response.Status, err)
	}
	return string(body)
}

// GetJSON decodes an answer, which must be a 200.
func GetJSON(t testing.TB, url string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(Text(t, url)), into); err != nil {
		t.Fatalf("GET %s: %v", url, err)
	}
}

// Lag returns how many messages an activity service has still to count. It is infinite until the service is ready,
// because the metric does not exist before.
func Lag(t testing.TB, ops string) float64 {
	t.Helper()
	if !Healthy("http://" + ops + "/readyz") {
		return math.Inf(1)
	}
	return Metric(t, ops, "activity_lag_messages")
}

// Metric sums the series of a counter, a gauge or a histogram's count on an ops listener.
func Metric(t testing.TB, ops, name string) float64 {
	t.Helper()
	response, err := http.Get("http://" + ops + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	family, found := families[name]
	if !found {
		t.Fatalf("no metric %s on %s", name, ops)
	}
	sum := 0.0
	for _, m := range family.GetMetric() {
		sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	return sum
}

package stack

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/rs/zerolog"
)

// open are the labels whose values are unknown beforehand or too many to list.
var open = []string{"activity", "method", "partition", "part", "route", "status", "version"}

// Metrics runs both services for a moment and returns the metrics of each, without those of the Prometheus library
// itself. Every metric exists from the start, except those of requests and partitions. So Metrics makes a request and
// waits for the partitions.
func Metrics(ctx context.Context) (order, activity map[string]*dto.MetricFamily, err error) {
	dir, err := os.MkdirTemp("", "ordertally-metrics-")
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	const free = "127.0.0.1:0"
	s := New(Config{
		Data: dir, OrderListen: free, OrderOpsListen: free, ActivityListen: free, ActivityOpsListen: free,
		KafkaListen: free,
	}, zerolog.Nop())
	if err := s.Start(ctx); err != nil {
		return nil, nil, err
	}
	defer func() { _ = s.Stop(context.WithoutCancel(ctx)) }()
	for _, url := range []string{s.OrderURL(), s.ActivityURL()} {
		if _, err := families(ctx, url); err != nil {
			return nil, nil, err
		}
	}
	for ctx.Err() == nil {
		if order, err = families(ctx, "http://"+s.order.OpsAddr()+"/metrics"); err != nil {
			return nil, nil, err
		}
		if activity, err = families(ctx, "http://"+s.activity.OpsAddr()+"/metrics"); err != nil {
			return nil, nil, err
		}
		if activity["activity_lag_messages"] != nil {
			return order, activity, nil
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return nil, nil, fmt.Errorf("wait for the partitions: %w", ctx.Err())
}

// families reads metrics. On any other page it finds none.
func families(ctx context.Context, url string) (map[string]*dto.MetricFamily, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if !strings.HasPrefix(response.Header.Get("Content-Type"), "text/plain") {
		return nil, nil
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	all, err := parser.TextToMetricFamilies(response.Body)
	maps.DeleteFunc(all, func(name string, _ *dto.MetricFamily) bool {
		return strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") ||
			strings.HasPrefix(name, "promhttp_")
	})
	return all, err
}

// WriteMetrics writes a table of metrics as markdown.
func WriteMetrics(w io.Writer, service string, all map[string]*dto.MetricFamily) error {
	text := "## " + service + "\n\n| metric | type | labels | meaning |\n|---|---|---|---|\n"
	for _, name := range slices.Sorted(maps.Keys(all)) {
		text += fmt.Sprintf("| `%s` | %s | %s | %s |\n", name, strings.ToLower(all[name].GetType().String()),
			labels(all[name]), all[name].GetHelp())
	}
	_, err := io.WriteString(w, text)
	return err
}

// labels lists the labels of a metric. It adds their values if those are few and known.
func labels(family *dto.MetricFamily) string {
	values := map[string]map[string]bool{}
	for _, series := range family.GetMetric() {
		for _, label := range series.GetLabel() {
			if values[label.GetName()] == nil {
				values[label.GetName()] = map[string]bool{}
			}
			values[label.GetName()]["`"+label.GetValue()+"`"] = true
		}
	}
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		text := "`" + name + "`"
		if !slices.Contains(open, name) {
			text += ": " + strings.Join(slices.Sorted(maps.Keys(values[name])), ", ")
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "; ")
}

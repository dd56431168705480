package tracing_test

import (
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"ordertally/shared/service/telemetry/tracing"
)

func TestWhatStartRefusesIsKnownBefore(t *testing.T) {
	for _, tc := range []struct{ name, value string }{
		{"OTEL_RESOURCE_ATTRIBUTES", "no-pair"}, {"OTEL_EXPORTER_OTLP_PROTOCOL", "pigeon"},
		{"OTEL_TRACES_EXPORTER", "zipkin"},
		{"OTEL_RESOURCE_ATTRIBUTES", "name=value"}, {"OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"},
	} {
		t.Run(tc.name+"="+tc.value, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
			t.Setenv(tc.name, tc.value)
			traces, want := tracing.Start(t.Context(), "order", zerolog.Nop())
			if want == nil {
				if err := traces.Stop(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if err := tracing.Validate(); (err == nil) != (want == nil) || err != nil &&
				!strings.Contains(err.Error(), "OTEL_") {
				t.Errorf("%v, and Start says %v", err, want)
			}
		})
	}
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "no-pair")
	if err := tracing.Validate(); err != nil {
		t.Errorf("without a collector: %v", err)
	}
}

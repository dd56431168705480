//go:build unix

package tracing_test

import (
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"ordertally/shared/service/telemetry/tracing"
	"ordertally/shared/settings/plainfile/plainfiletest"
)

func TestNoFileOfACollectorHangs(t *testing.T) {
	for _, name := range []string{"CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY", "TRACES_CERTIFICATE",
		"TRACES_CLIENT_CERTIFICATE", "TRACES_CLIENT_KEY"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:1")
			for path, want := range plainfiletest.Refused(t) {
				t.Setenv("OTEL_EXPORTER_OTLP_"+name, path)
				for call, refused := range map[string]func() error{
					"Validate": tracing.Validate,
					"Start": func() error {
						_,
							err := tracing.Start(t.Context(), "order", zerolog.Nop())
						return err
					},
				} {
					err := plainfiletest.Within(t, refused)
					if err == nil || !strings.Contains(err.Error(), "OTEL_EXPORTER_OTLP_"+name+": ") ||
						!strings.Contains(err.Error(), want) {
						t.Errorf("%s with %s: %v, want %q", call, path, err, want)
					}
				}
			}
		})
	}
}

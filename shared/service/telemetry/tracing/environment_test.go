package tracing_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/rs/zerolog"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/grpc"

	"ordertally/shared/service/telemetry/tracing"
)

// overGRPC is a collector that takes spans over gRPC.
type overGRPC struct {
	collector.UnimplementedTraceServiceServer
	got chan struct{}
}

func (c *overGRPC) Export(context.Context, *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse,
	error) {
	c.got <- struct{}{}
	return &collector.ExportTraceServiceResponse{}, nil
}

// collectors returns the URLs of one over gRPC and one over HTTP. Each reports when it receives something.
func collectors(t *testing.T) (grpcURL, httpURL string, overRPC, overHTTP chan struct{}) {
	t.Helper()
	overRPC, overHTTP = make(chan struct{}, 1), make(chan struct{}, 1)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	rpc := grpc.NewServer()
	collector.RegisterTraceServiceServer(rpc, &overGRPC{got: overRPC})
	go func() { _ = rpc.Serve(listener) }()
	t.Cleanup(rpc.Stop)
	web := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { overHTTP <- struct{}{} }))
	t.Cleanup(web.Close)
	return "http://" + listener.Addr().String(), web.URL, overRPC, overHTTP
}

func TestTheEnvironmentNamesTheProtocol(t *testing.T) {
	grpcURL, httpURL, overRPC, overHTTP := collectors(t)
	for _, tc := range []struct {
		env  map[string]string
		want chan struct{}
	}{
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": httpURL}, overHTTP},
		{map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": httpURL + "/v1/traces",
			"OTEL_TRACES_EXPORTER": "otlp"}, overHTTP},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": grpcURL, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, overRPC},
		{map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": httpURL, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
			"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf"}, overHTTP},
	} {
		t.Run("", func(t *testing.T) {
			for name, value := range tc.env {
				t.Setenv(name, value)
			}
			tr, err := tracing.Start(t.Context(), "test", zerolog.Nop())
			if err != nil || !tr.On() {
				t.Fatal(tr, err)
			}
			_, span := tr.Begin(t.Context(), http.Header{})
			span.End(http.MethodGet, "/", http.StatusOK)
			if err := tr.Stop(t.Context()); err != nil {
				t.Fatal(err)
			}
			select {
			case <-tc.want:
			default:
				t.Errorf("%v: the collector got nothing", tc.env)
			}
		})
	}
}

func TestWhatTheEnvironmentForbids(t *testing.T) {
	for name, value := range map[string]string{"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "none"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
			t.Setenv(name, value)
			if tr, err := tracing.Start(t.Context(), "test", zerolog.Nop()); err != nil || tr.On() {
				t.Errorf("%v, %v", tr, err)
			}
		})
	}
}

// TestStart_LeavesTheEnvironmentToOpenTelemetry sets variables that the libraries cannot use. They go on without them.
func TestStart_LeavesTheEnvironmentToOpenTelemetry(t *testing.T) {
	for name, value := range map[string]string{
		"OTEL_RESOURCE_ATTRIBUTES": "no-pair", "OTEL_EXPORTER_OTLP_PROTOCOL": "pigeon", "OTEL_TRACES_SAMPLER": "never",
		"OTEL_EXPORTER_OTLP_CERTIFICATE": "/none",
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
			t.Setenv(name, value)
			tr, err := tracing.Start(t.Context(), "test", zerolog.Nop())
			if err != nil || !tr.On() {
				t.Fatal(tr, err)
			}
			if err := tr.Stop(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

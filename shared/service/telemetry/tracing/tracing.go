// Package tracing makes OpenTelemetry spans of requests and messages, and sends them by OTLP, when the environment
// names a collector (OTEL_EXPORTER_OTLP_ENDPOINT and the other variables of the OpenTelemetry specification). Without
// one it makes no spans; every request has a trace id for logs and problems all the same.
package tracing

import (
	"context"
	"fmt"
	"time"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"ordertally/shared/service/telemetry/traceparent"
	"ordertally/shared/settings/secret"
)

// Tracing makes the spans of one service. The zero value makes none. It is safe for concurrent use.
type Tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	logger   zerolog.Logger
}

var w3c = propagation.TraceContext{}

// Start returns the tracing of a service, as the environment wants it. A collector that is away costs nothing but its
// spans: that is logged, and so is what the libraries think of the variables that they read. (They tell of both through
// handlers of the process, so the last service of a process logs it.)
func Start(ctx context.Context, service string, logger zerolog.Logger) (*Tracing, error) {
	if !Configured() {
		return &Tracing{}, nil
	}
	listen(logger)
	exporter, err := exporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("send traces: look at the OTEL_ variables: %w", err)
	}
	res, err := describe(ctx, service)
	if err != nil {
		return nil, err
	}
	// The sampler is that of OTEL_TRACES_SAMPLER, by default that of the caller, or all.
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(res))
	return &Tracing{provider: provider, tracer: provider.Tracer("ordertally"), logger: logger}, nil
}

// describe is what spans say of the service that makes them.
func describe(ctx context.Context, service string) (*resource.Resource, error) {
	res, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", service)),
		resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil {
		return nil, fmt.Errorf("send traces: look at OTEL_RESOURCE_ATTRIBUTES: %w", err)
	}
	return res, nil
}

// lastTraces is how long a collector may take for what is left at a stop.
const lastTraces = 1500 * time.Millisecond

// Stop sends what is left, for a second and a half at most. A collector that does not take it is no failure of the
// service: the spans are lost, and the log says so.
func (t *Tracing) Stop(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lastTraces)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- t.provider.Shutdown(ctx) }() // exporters need not heed ctx
	var err error
	select {
	case err = <-stopped:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		t.logger.Warn().Err(secret.Cause(err)).Msg("the collector did not accept the last traces, and they are lost")
	}
	return nil
}

// Request is the span of a request.
type Request struct {
	// Parent is what goes on with the message that the request makes: the span, or without one the request's own
	// traceparent. It is the zero Parent when there is neither.
	Parent traceparent.Parent
	span   trace.Span
}

// Begin begins the span of a request that came with that traceparent, or with the zero one.
func (t *Tracing) Begin(ctx context.Context, from traceparent.Parent) (context.Context, Request) {
	if t.tracer == nil {
		named := from
		if named == (traceparent.Parent{}) {
			named = traceparent.New()
		}
		return traceparent.With(ctx, named), Request{Parent: from}
	}
	ctx = w3c.Extract(ctx, carrier(from.String()))
	ctx, span := t.tracer.Start(ctx, "request", trace.WithSpanKind(trace.SpanKindServer))
	parent := parentOf(ctx)
	return traceparent.With(ctx, parent), Request{Parent: parent, span: span}
}

// End ends the span.
func (r Request) End(method, route string, status int) {
	if r.span == nil {
		return
	}
	r.span.SetName(method + " " + route)
	r.span.SetAttributes(
		attribute.String("http.request.method", method), attribute.String("http.route", route),
		attribute.Int("http.response.status_code", status))
	if status >= 500 {
		r.span.SetStatus(codes.Error, "")
	}
	r.span.End()
}

// On reports whether spans are made.
func (t *Tracing) On() bool { return t.tracer != nil }

// Message makes the span of a message that came with that traceparent, from when it was read until it was processed.
func (t *Tracing) Message(from, name string, read, processed time.Time, attributes ...attribute.KeyValue) {
	parent, ok := traceparent.Parse(from)
	if t.tracer == nil || !ok || !parent.Sampled() {
		return
	}
	ctx := w3c.Extract(context.Background(), carrier(from))
	_, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithTimestamp(read),
		trace.WithAttributes(attributes...))
	span.End(trace.WithTimestamp(processed))
}

// carrier is a traceparent as the propagator wants it.
type carrier string

// Get implements propagation.TextMapCarrier.
func (c carrier) Get(key string) string {
	if key == traceparent.Header {
		return string(c)
	}
	return ""
}

// Set implements propagation.TextMapCarrier; it is never called.
func (carrier) Set(string, string) {}

// Keys implements propagation.TextMapCarrier.
func (carrier) Keys() []string { return []string{traceparent.Header} }

func parentOf(ctx context.Context) traceparent.Parent {
	into := propagation.MapCarrier{}
	w3c.Inject(ctx, into)
	parent, _ := traceparent.Parse(into.Get(traceparent.Header))
	return parent
}

// Package tracing makes OpenTelemetry spans of requests and messages, and sends them by OTLP. It does so when the
// environment names a collector (OTEL_EXPORTER_OTLP_ENDPOINT and the other variables of the OpenTelemetry
// specification). Without one it makes no spans. Every request still has a trace id for logs and problems.
package tracing

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/rs/zerolog"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"ordertally/shared/event/cloudevent"
	"ordertally/shared/settings/secret"
)

// Tracing makes the spans of one service. The zero value makes none. It is safe for concurrent use.
type Tracing struct {
	provider *sdktrace.TracerProvider
	tracer   trace.Tracer
	logger   zerolog.Logger
}

// propagator reads and writes the three header fields of a trace, as the W3C recommends.
var propagator = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})

// Start returns the tracing of a service, configured by the environment. If the collector is unreachable, only spans
// are lost. That is logged, and so are the libraries' complaints about their variables. (Both arrive through handlers
// of the whole process, so the last service started in a process logs them.)
func Start(ctx context.Context, service string, logger zerolog.Logger) (*Tracing, error) {
	listen(logger)
	if !Configured() {
		return &Tracing{}, nil
	}
	exporter, err := exporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("send traces: look at the OTEL_ variables: %w", err)
	}
	res, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", service)),
		resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil {
		otel.Handle(err) // the readable part is used
	}
	// OTEL_TRACES_SAMPLER sets the sampler. By default the caller's decision counts, and without one everything is
	// sampled.
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(res))
	return &Tracing{provider: provider, tracer: provider.Tracer("ordertally"), logger: logger}, nil
}

// lastTraces is how long a collector may take for the last spans during a stop.
const lastTraces = 1500 * time.Millisecond

// Stop sends what is left, for a second and a half at most. If the collector does not take it, the spans are lost and
// the log says so. That is no failure of the service.
func (t *Tracing) Stop(ctx context.Context) error {
	if t.provider == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, lastTraces)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- t.provider.Shutdown(ctx) }() // exporters may ignore ctx
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
	// Trace is passed on with the message that the request makes. It is the span, or without one the request's own
	// trace, and the request's baggage. It is zero when there is neither.
	Trace cloudevent.Trace
	span  trace.Span
}

// Begin begins the span of a request with those header fields. The context has its trace. Without spans, a request that
// belongs to no trace gets an id of its own, for log and problems. Its message carries no trace then.
func (t *Tracing) Begin(ctx context.Context, header http.Header) (context.Context, Request) {
	if t.tracer == nil && header["Traceparent"] == nil && header["Tracestate"] == nil && header["Baggage"] == nil {
		return trace.ContextWithSpanContext(ctx, ownID()), Request{}
	}
	ctx = propagator.Extract(ctx, propagation.HeaderCarrier(header))
	var r Request
	if t.tracer != nil {
		ctx, r.span = t.tracer.Start(ctx, "request", trace.WithSpanKind(trace.SpanKindServer))
	}
	propagator.Inject(ctx, carrier{&r.Trace})
	if !trace.SpanContextFromContext(ctx).IsValid() {
		ctx = trace.ContextWithSpanContext(ctx, ownID())
	}
	return ctx, r
}

// ownID returns a trace that is not sampled. Its ids are unique but not secret.
func ownID() trace.SpanContext {
	var config trace.SpanContextConfig
	binary.BigEndian.PutUint64(config.TraceID[:], rand.Uint64())    //nolint:gosec // G404: see above
	binary.BigEndian.PutUint64(config.TraceID[8:], rand.Uint64()|1) //nolint:gosec // G404: see above
	binary.BigEndian.PutUint64(config.SpanID[:], rand.Uint64()|1)   //nolint:gosec // G404: see above
	return trace.NewSpanContext(config)
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

// Message makes the span of a message with that trace, from when it was read until it was processed. A trace that is
// not sampled gets none.
func (t *Tracing) Message(
	from cloudevent.Trace, name string, read, processed time.Time, attributes ...attribute.KeyValue,
) {
	if t.tracer == nil || from.Parent == "" {
		return
	}
	ctx := propagator.Extract(context.Background(), carrier{&from})
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return
	}
	_, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindConsumer), trace.WithTimestamp(read),
		trace.WithAttributes(attributes...))
	span.End(trace.WithTimestamp(processed))
}

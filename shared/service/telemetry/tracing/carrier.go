package tracing

import "ordertally/shared/event/cloudevent"

// The most that a message carries of each header field of a trace, in bytes. A longer value is left out. The limit of
// baggage is the W3C's, which OpenTelemetry applies to requests. The limit of tracestate is the least that the W3C
// requires of everybody.
const (
	maxTraceState = 512
	maxBaggage    = 8192
)

// carrier is the trace of a message in the form a propagator needs.
type carrier struct{ trace *cloudevent.Trace }

// Get implements propagation.TextMapCarrier.
func (c carrier) Get(key string) string {
	switch key {
	case cloudevent.HeaderTraceParent:
		return c.trace.Parent
	case cloudevent.HeaderTraceState:
		return c.trace.State
	case cloudevent.HeaderBaggage:
		return c.trace.Baggage
	}
	return ""
}

// Set implements propagation.TextMapCarrier.
func (c carrier) Set(key, value string) {
	switch {
	case key == cloudevent.HeaderTraceParent:
		c.trace.Parent = value
	case key == cloudevent.HeaderTraceState && len(value) <= maxTraceState:
		c.trace.State = value
	case key == cloudevent.HeaderBaggage && len(value) <= maxBaggage:
		c.trace.Baggage = value
	}
}

// Keys implements propagation.TextMapCarrier.
func (carrier) Keys() []string {
	return []string{cloudevent.HeaderTraceParent, cloudevent.HeaderTraceState, cloudevent.HeaderBaggage}
}

package tracing_test

import (
	"net/http"
	"strings"
	"testing"

	"ordertally/shared/event/cloudevent"
	"ordertally/shared/service/telemetry/tracing"
	"ordertally/shared/web/problem"
)

const (
	traceID = "4bf92f3577b34da6a3ce929d0e0e4736"
	parent  = "00-" + traceID + "-00f067aa0ba902b7-01"
)

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Add(pairs[i], pairs[i+1])
	}
	return h
}

func TestBegin_PassesOnTheTraceOfARequest(t *testing.T) {
	long := strings.Repeat("x", 9000)
	for name, tc := range map[string]struct {
		header http.Header
		want   cloudevent.Trace
	}{
		"nothing": {header(), cloudevent.Trace{}},
		"all three": {
			header("traceparent", parent, "tracestate", "vendor=1,other=2", "baggage", "tier=gold,shop=7"),
			cloudevent.Trace{Parent: parent, State: "vendor=1,other=2", Baggage: "shop=7,tier=gold"},
		},
		"baggage alone":    {header("baggage", "tier=gold"), cloudevent.Trace{Baggage: "tier=gold"}},
		"state alone":      {header("tracestate", "vendor=1"), cloudevent.Trace{}},
		"malformed state":  {header("traceparent", parent, "tracestate", "="), cloudevent.Trace{Parent: parent}},
		"too much baggage": {header("traceparent", parent, "baggage", "tier="+long), cloudevent.Trace{Parent: parent}},
		"too much state": {
			header("traceparent", parent, "tracestate", "a="+long[:250]+",b="+long[:250]+",c="+long[:250]),
			cloudevent.Trace{Parent: parent},
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, request := new(tracing.Tracing).Begin(t.Context(), tc.header)
			got := request.Trace
			if parts := strings.Split(got.Baggage, ","); len(parts) == 2 && parts[0] > parts[1] { // in no order
				got.Baggage = parts[1] + "," + parts[0]
			}
			if got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestBegin_IgnoresAMalformedTraceparent(t *testing.T) {
	for name, text := range map[string]string{
		"empty":                    "",
		"short":                    parent[:54],
		"upper case":               strings.ToUpper(parent),
		"no hex":                   strings.Replace(parent, "4bf9", "4bg9", 1),
		"no hex in flags":          parent[:53] + "0x",
		"no hex in version":        "0." + parent[2:],
		"zero trace":               "00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01",
		"zero parent":              "00-" + traceID + "-" + strings.Repeat("0", 16) + "-01",
		"zero trace, later format": "cc-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01-x",
		"version ff":               "ff" + parent[2:],
		"version 00 with more":     parent + "-more",
		"later version, bad tail":  "cc" + parent[2:] + ".what",
		"other separators":         strings.ReplaceAll(parent, "-", "_"),
		"line break at the end":    parent + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, request := new(tracing.Tracing).Begin(t.Context(), header("traceparent", text))
			if id := problem.TraceID(ctx); request.Trace != (cloudevent.Trace{}) || len(id) != 32 || id == traceID {
				t.Errorf("%+v goes on, of trace %s", request.Trace, id)
			}
		})
	}
}

func TestBegin_ReadsALaterVersion(t *testing.T) {
	for _, text := range []string{parent, "cc" + parent[2:], "cc" + parent[2:] + "-what-the-future-is-like"} {
		ctx, request := new(tracing.Tracing).Begin(t.Context(), header("traceparent", text))
		if request.Trace.Parent != parent || problem.TraceID(ctx) != traceID {
			t.Errorf("%s: %+v goes on, of trace %s", text, request.Trace, problem.TraceID(ctx))
		}
	}
}

package traceparent_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"ordertally/shared/service/telemetry/traceparent"
)

const (
	trace = "4bf92f3577b34da6a3ce929d0e0e4736"
	valid = "00-" + trace + "-00f067aa0ba902b7-01"
)

func TestParse(t *testing.T) {
	tests := map[string]struct {
		text string
		want string // "" when it is invalid
	}{
		"valid":                    {valid, valid},
		"not sampled":              {"00-" + trace + "-00f067aa0ba902b7-00", "00-" + trace + "-00f067aa0ba902b7-00"},
		"unknown flags":            {"00-" + trace + "-00f067aa0ba902b7-ff", "00-" + trace + "-00f067aa0ba902b7-ff"},
		"later version":            {"cc" + valid[2:], valid},
		"later version with more":  {"cc" + valid[2:] + "-what-the-future-is-like", valid},
		"later version, bad tail":  {"cc" + valid[2:] + ".what", ""},
		"version ff":               {"ff" + valid[2:], ""},
		"version 00 with more":     {valid + "-more", ""},
		"empty":                    {"", ""},
		"short":                    {valid[:54], ""},
		"upper case":               {strings.ToUpper(valid), ""},
		"no hex":                   {strings.Replace(valid, "4bf9", "4bg9", 1), ""},
		"zero trace":               {"00-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01", ""},
		"zero parent":              {"00-" + trace + "-" + strings.Repeat("0", 16) + "-01", ""},
		"other separators":         {strings.ReplaceAll(valid, "-", "_"), ""},
		"line break at the end":    {valid + "\n", ""},
		"no hex in flags":          {valid[:53] + "0x", ""},
		"no hex in version":        {"0." + valid[2:], ""},
		"zero trace, later format": {"cc-" + strings.Repeat("0", 32) + "-00f067aa0ba902b7-01-x", ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			p, ok := traceparent.Parse(tc.text)
			if ok != (tc.want != "") || p.String() != tc.want {
				t.Fatalf("Parse(%q) = %q, %v, want %q", tc.text, p, ok, tc.want)
			}
			if ok && p.TraceID() != trace || !ok && p.TraceID() != "" {
				t.Errorf("TraceID() = %q", p.TraceID())
			}
		})
	}
}

func TestFromRequestTakesOneHeaderOnly(t *testing.T) {
	r := httptest.NewRequest("GET", "/", nil)
	if _, ok := traceparent.FromRequest(r); ok {
		t.Error("found a trace in a request without one")
	}
	r.Header.Add("Traceparent", valid)
	if p, ok := traceparent.FromRequest(r); !ok || p.TraceID() != trace {
		t.Errorf("FromRequest = %q, %v", p, ok)
	}
	r.Header.Add("traceparent", valid)
	if _, ok := traceparent.FromRequest(r); ok {
		t.Error("took one of two headers")
	}
}

func FuzzParse(f *testing.F) {
	f.Add(valid)
	f.Add("cc" + valid[2:] + "-more")
	f.Fuzz(func(t *testing.T, text string) {
		p, ok := traceparent.Parse(text)
		if !ok {
			return
		}
		if again, ok := traceparent.Parse(p.String()); !ok || again != p {
			t.Errorf("Parse(%q) = %q, which is not valid itself", text, p)
		}
	})
}

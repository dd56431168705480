package cloudevent_test

import (
	"reflect"
	"testing"
	"time"

	"ordertally/shared/event/cloudevent"
)

func whole() cloudevent.Envelope {
	return cloudevent.Envelope{
		ID: "0190163d-8694-739b-aea5-966c26f8ad91", Source: "/ordertally/order", Type: "ORDER_CREATED",
		Subject: "0190163d-8694-739b-aea5-966c26f8ad90", Time: time.Date(2010, 12, 1, 8, 26, 0, 5, time.UTC),
		DataSchema: "urn:x", ContentType: "application/json",
		Trace: cloudevent.Trace{
			Parent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", State: "vendor=1", Baggage: "tier=gold",
		}, Lineage: "l1", Sequence: 42,
		Previous: 40,
	}
}

func TestParse_IsTheInverseOfHeaders(t *testing.T) {
	want := whole()
	headers := want.Headers()
	got, err := cloudevent.Parse(headers)
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v\nwant %+v", got, err, want)
	}
	for _, h := range headers {
		if h.Key == cloudevent.HeaderSequence && string(h.Value) != "00000000000000000042" {
			t.Fatalf("sequence is %q", h.Value)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	set := func(key, value string) func([]cloudevent.Header) []cloudevent.Header {
		return func(hs []cloudevent.Header) []cloudevent.Header {
			var out []cloudevent.Header
			for _, h := range hs {
				if h.Key != key {
					out = append(out, h)
				}
			}
			if value != "" {
				out = append(out, cloudevent.Header{Key: key, Value: []byte(value)})
			}
			return out
		}
	}
	for name, change := range map[string]func([]cloudevent.Header) []cloudevent.Header{
		"no version":        set(cloudevent.HeaderSpecVersion, ""),
		"version 2":         set(cloudevent.HeaderSpecVersion, "2.0"),
		"no id":             set(cloudevent.HeaderID, ""),
		"no type":           set(cloudevent.HeaderType, ""),
		"bad time":          set(cloudevent.HeaderTime, "yesterday"),
		"slot no number":    set(cloudevent.HeaderSequence, "-1"),
		"no lineage":        set(cloudevent.HeaderLineage, ""),
		"previous too late": set(cloudevent.HeaderPrevious, "42"),
		"no previous":       set(cloudevent.HeaderPrevious, ""),
		"repeated": func(hs []cloudevent.Header) []cloudevent.Header {
			return append(hs, cloudevent.Header{Key: cloudevent.HeaderID, Value: []byte("other")})
		},
	} {
		e := whole()
		if got, err := cloudevent.Parse(change(e.Headers())); err == nil {
			t.Errorf("%s: got %+v, want an error", name, got)
		}
	}
}

package cloudevent_test

import (
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

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

// Slots reads what Parse reads of the three headers, and refuses what Parse refuses of them.
func TestSlots_AreThoseOfParse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := whole()
		var headers []cloudevent.Header
		number := rapid.SampledFrom([]string{
			"", "0", "7", "00000000000000000041", "42", "18446744073709551614", "18446744073709551615",
			"18446744073709551616", "99999999999999999999", "100000000000000000000", "-1", "+1", "4_2", " 1", "0x1",
		})
		draws := map[string]*rapid.Generator[string]{
			cloudevent.HeaderLineage:  rapid.SampledFrom([]string{"", "l1", "l2", strings.Repeat("l", 256)}),
			cloudevent.HeaderSequence: number, cloudevent.HeaderPrevious: number,
		}
		for _, h := range e.Headers() {
			if h.Key == cloudevent.HeaderPartitionPrevious {
				continue
			}
			if draw, ok := draws[h.Key]; ok && rapid.Bool().Draw(t, h.Key+" is another") {
				h.Value = []byte(draw.Draw(t, h.Key))
				if rapid.IntRange(0, 4).Draw(t, h.Key+" is there twice") == 0 {
					headers = append(headers, cloudevent.Header{Key: h.Key, Value: []byte(draw.Draw(t, h.Key))})
				}
			}
			headers = append(headers, h)
		}
		want, err := cloudevent.Parse(headers)
		var p cloudevent.Parser
		for range 2 { // the second time it has seen the lineage
			got, ok := p.Slots(headers)
			if ok != (err == nil && want.Lineage != "") {
				t.Fatalf("%v, and Parse says %v", ok, err)
			}
			if ok && !reflect.DeepEqual(got, cloudevent.Envelope{
				Lineage: want.Lineage, Sequence: want.Sequence, Previous: want.Previous,
			}) {
				t.Fatalf("%+v, and Parse returns %+v", got, want)
			}
		}
	})
}

// A number is read as the standard library reads it.
func TestParse_ReadsSlotsAsNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[0-9]{1,21}`).Draw(t, "sequence")
		e := whole()
		headers := e.Headers()
		for i := range headers {
			switch headers[i].Key {
			case cloudevent.HeaderSequence:
				headers[i].Value = []byte(text)
			case cloudevent.HeaderPrevious, cloudevent.HeaderPartitionPrevious:
				headers[i].Value = []byte("0")
			}
		}
		want, wrong := strconv.ParseUint(text, 10, 64)
		got, err := cloudevent.Parse(headers)
		if (err != nil) != (wrong != nil || want == 0) || err == nil && got.Sequence != want {
			t.Fatalf("%d, %v, want %d, %v", got.Sequence, err, want, wrong)
		}
	})
}

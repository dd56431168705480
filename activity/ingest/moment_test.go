package ingest

import (
	"strings"
	"testing"
	"time"

	"ordertally/activity"
	"ordertally/activity/declare"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka"
)

// at declares where the time is, and decodes an event with that value of the member paid.at.
func at(t *testing.T, declared, value string, written time.Time) (time.Time, *activity.Poison) {
	t.Helper()
	defs, err := declare.Parse("- {name: PAID, topic: pay.v1, type: PaymentCaptured, type-at: 'header:eventType', " +
		"id: 'header:id', time: " + declared + ", measures: {revenue: sum(paid.amount) by paid.currency}}")
	if err != nil {
		t.Fatal(err)
	}
	m, poison := Decode(&defs[0], &activity.Parked{
		Timestamp: written, Value: []byte(`{"paid":{"at":` + value + `,"amount":100,"currency":"EUR"}}`),
		Headers: []cloudevent.Header{{Key: "id", Value: []byte("p1")},
			{Key: "eventType", Value: []byte("PaymentCaptured")},
			{Key: "sent", Value: []byte(strings.Trim(value, `"`))}},
	})
	return m.Event.At, poison
}

// TestTime_IsReadAsItIsDeclared reads times as other programs write them.
func TestTime_IsReadAsItIsDeclared(t *testing.T) {
	const whole, milli, micro, nano = "2026-11-27T11:46:40Z", "2026-11-27T11:46:40.123Z", "2026-11-27T11:46:40.123456Z",
		"2026-11-27T11:46:40.123456789Z"
	written := time.Date(2026, 11, 27, 12, 0, 0, 500, time.UTC)
	for _, c := range []struct{ declared, value, want string }{
		{"paid.at unit=ms", `1795780000123`, milli}, // Debezium, Java
		{"paid.at unit=ms", `"1795780000123"`, milli},
		{"paid.at unit=ms", `1795780000123.0`, milli},
		{"paid.at unit=ms", `1.795780000123e12`, milli},
		{"paid.at unit=ms", `1795780000123.456789`, nano},
		{"paid.at unit=s", `1795780000`, whole}, // Stripe
		{"paid.at unit=s", `"1795780000"`, whole},
		{"paid.at unit=s", `1795780000.123456`, micro}, // Python's time.time()
		{"paid.at unit=s", `1795780000.1234567891`, nano},
		{"paid.at unit=us", `1795780000123456`, micro}, // Debezium's MicroTimestamp
		{"paid.at unit=us", `"1795780000123456.789"`, nano},
		{"paid.at unit=us", `0`, "1970-01-01T00:00:00Z"},
		{"header:sent unit=s", `1795780000`, whole},
		{"record", `"nothing"`, "2026-11-27T12:00:00.0000005Z"},

		{"paid.at", `"2026-11-27T11:46:40Z"`, whole},
		{"paid.at", `"2026-11-27t11:46:40.123456789123z"`, nano},
		{"paid.at", `"2026-11-27T11:46:40.123+0000"`, milli}, // Java's SimpleDateFormat
		{"paid.at", `"2026-11-27T17:31:40+0545"`, whole},
		{"paid.at", `"2026-11-27 11:46:40+00"`, whole}, // Postgres
		{"paid.at", `"2026-11-27 08:16:40.123-03:30"`, milli},
		{"paid.at", `"2026-11-27 11:46:40.123456 +00:00"`, micro},
		{"paid.at", `"2026-11-27 11:46:40 UTC"`, whole}, // BigQuery
		{"header:sent", `"2026-11-27 11:46:40 +0000"`, whole},

		{"paid.at zone=UTC", `"2026-11-27T11:46:40"`, whole},
		{"paid.at zone=Europe/Berlin", `"2026-11-27 12:46:40.123"`, milli},
		{"paid.at zone=Asia/Kathmandu", `"2026-11-27T17:31:40"`, whole},
		{"paid.at zone=Asia/Kathmandu", `"2026-11-27T11:46:40Z"`, whole},                // its own offset goes before
		{"paid.at zone=Europe/Berlin", `"2026-10-25T02:30:00"`, "2026-10-25T00:30:00Z"}, // comes twice: the first
		// Never comes: as if the clocks had not changed.
		{"paid.at zone=Europe/Berlin", `"2026-03-29T02:30:00"`, "2026-03-29T01:30:00Z"},
		{"paid.at zone=America/St_Johns", `"2010-11-06T23:30:00"`, "2010-11-07T02:00:00Z"},
		{"paid.at zone=Pacific/Apia", `"2011-12-31T00:00:00"`, "2011-12-30T10:00:00Z"},
	} {
		got, poison := at(t, c.declared, c.value, written)
		if poison != nil || got.UTC().Format(time.RFC3339Nano) != c.want {
			t.Errorf("%s of %s: %s, %v, want %s", c.declared, c.value, got.UTC().Format(time.RFC3339Nano), poison,
				c.want)
		}
	}
}

// TestTime_SaysWhatIsWrongWithIt parks what is no time as it is declared, and says what would help.
func TestTime_SaysWhatIsWrongWithIt(t *testing.T) {
	written := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		declared, value string
		want            activity.Reason
		says            string
	}{
		{"paid.at", `1795780000123`, activity.ReasonMalformed, "unit=ms"},
		{"paid.at", `"1795780000"`, activity.ReasonMalformed, "unit=s"},
		{"paid.at", `"2026-11-27T10:00:00"`, activity.ReasonMalformed, "zone="},
		{"paid.at", `"2026-11-27 10:00:00"`, activity.ReasonMalformed, "zone="},
		{"paid.at", `"yesterday"`, activity.ReasonMalformed, "RFC 3339"},
		{"paid.at", `"2026-02-30T10:00:00+0000"`, activity.ReasonMalformed, "exist"},
		{"paid.at", `"2026-11-27T10:00:00 EST"`, activity.ReasonMalformed, "RFC 3339"},
		{"paid.at", `"2026-11-27  10:00:00Z"`, activity.ReasonMalformed, "RFC 3339"},
		{"paid.at zone=Europe/Berlin", `"2026-02-30T10:00:00"`, activity.ReasonMalformed, "exist"},
		{"paid.at zone=Europe/Berlin", `"2026-11-27"`, activity.ReasonMalformed, "RFC 3339"},
		{"paid.at zone=Europe/Berlin", `null`, activity.ReasonMalformed, "paid.at"},
		{"paid.at unit=ms", `"2026-11-27T10:00:00Z"`, activity.ReasonMalformed, "a number of milliseconds since 1970"},
		{"paid.at unit=ms", `true`, activity.ReasonMalformed, "a number of milliseconds since 1970"},
		{"paid.at unit=ms", `null`, activity.ReasonMalformed, "a number of milliseconds since 1970"},
		{"paid.at unit=ms", `{"x":1}`, activity.ReasonMalformed, "paid.at"},
		{"paid.at unit=s", `""`, activity.ReasonMalformed, "a number of seconds since 1970"},
		{"paid.at unit=s", `"1_795_780_000"`, activity.ReasonMalformed, "a number of seconds since 1970"},
		{"paid.at unit=s", `"0x10"`, activity.ReasonMalformed, "a number of seconds since 1970"},
		{"paid.at unit=s", `"1/3"`, activity.ReasonMalformed, "a number of seconds since 1970"},
		{"paid.at unit=s", `1795780000123`, activity.ReasonImpossible, "is its unit right"},
		{"paid.at unit=ms", `1795780000123456`, activity.ReasonImpossible, "is its unit right"},
		{"paid.at unit=us", `1795780000123456789`, activity.ReasonImpossible, "is its unit right"},
		{"paid.at unit=s", `1e1000000000`, activity.ReasonImpossible, "is its unit right"},
		{"paid.at unit=s", `1e-1000000000`, "", ""},
		{"paid.at unit=s", `-1`, activity.ReasonImpossible, "before 1970"},
	} {
		_, poison := at(t, c.declared, c.value, written)
		switch {
		case c.want == "":
			if poison != nil {
				t.Errorf("%s of %s: %s", c.declared, c.value, poison)
			}
		case poison == nil || poison.Reason != c.want || !strings.Contains(poison.Detail, c.says):
			t.Errorf("%s of %s: %v does not say %s", c.declared, c.value, poison, c.says)
		}
	}
	if _, poison := at(t, "record", `1`, time.Time{}); poison == nil ||
		!strings.Contains(poison.Detail, "no timestamp") {
		t.Errorf("a record without a timestamp: %v", poison)
	}
}

// TestSubject_MayBeLeftOut counts events of activities that declare no subject, and events that have none; those of the
// order service must have their order's id.
func TestSubject_MayBeLeftOut(t *testing.T) {
	for _, subject := range []string{"", "subject: order", "subject: order.id", "subject: 'header:order'"} {
		def := declared(t, "measures: {n: sum(n)}, "+subject)
		b := newDecoder(def).batch(kafka.Fetched{
			Records: []kafka.Record{plain("1", `"n":1`), plain("2", `"n":1,"order":null`)}})
		if len(b.Messages) != 2 || b.Messages[0].Event.Digest != b.Messages[1].Event.Digest {
			t.Errorf("%q: %d are counted, parked %v", subject, len(b.Messages), b.Parked)
		}
	}
	order := record(0, 1, "m")
	order.Value = []byte(strings.Replace(string(order.Value), `"id":"`, `"ID":"`, 1))
	if b := newDecoder(&def).batch(kafka.Fetched{Records: []kafka.Record{order}}); len(b.Parked) != 1 ||
		b.Parked[0].Poison.Detail != "It has no id." {
		t.Errorf("an order without an id: %+v", b)
	}
}

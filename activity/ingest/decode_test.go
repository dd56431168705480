package ingest

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"ordertally/activity"
	"ordertally/activity/activitytest"
	"ordertally/activity/declare"
	"ordertally/shared/event"
	"ordertally/shared/event/cloudevent"
	"ordertally/shared/kafka"
)

var (
	placed  = time.Date(2010, 12, 1, 8, 26, 0, 0, time.UTC)
	written = time.Date(2025, 11, 24, 12, 0, 0, 0, time.UTC)
	def     = activitytest.Orders()
)

func envelope(id string) *cloudevent.Envelope {
	return &cloudevent.Envelope{
		ID: id, Source: event.Source, Type: event.TypeCreated, Subject: "o-" + id, Time: placed,
		DataSchema:  event.SchemaCreated,
		ContentType: event.ContentType,
	}
}

func anOrder() *event.Order {
	return &event.Order{
		ID: "01890a5d-ac96-774b-8000-a8b45f0c6d21", Reference: "536365", CustomerID: "17850", Currency: "GBP",
		Lines: []event.Line{{SKU: "85123A", Description: "WHITE \"HEART\"", Quantity: 6, UnitPrice: 255},
			{SKU: "71053", Quantity: 2}},
		Total:    1530,
		PlacedAt: placed,
		Metadata: map[string]string{"country": "United Kingdom"},
	}
}

// record is a message as the order service publishes it.
func record(partition int32, offset int64, id string) kafka.Record {
	return kafka.Record{
		Partition: partition, Offset: offset, LeaderEpoch: 3, Timestamp: written,
		Headers: envelope(id).Headers(), Value: event.Encode(anOrder()),
	}
}

func TestDecoder_ReadsWhatTheOrderServiceWrites(t *testing.T) {
	e := envelope("m-1")
	e.Lineage, e.Sequence, e.Previous = "L", 8, 6
	r := record(2, 40, "")
	r.Headers = e.Headers()
	d := newDecoder(&def)
	b := d.batch(kafka.Fetched{Records: []kafka.Record{r}, Next: map[int32]kafka.Position{
		2: {Offset: 41, LeaderEpoch: 3, TopicID: "t", Checkpoints: []kafka.Checkpoint{{Offset: 40, Identity: "i"}}}}})
	kept := rawOf(&r)
	want := &activity.Batch{
		Messages: []activity.Message{{
			ID: "m-1", Lineage: "L", Sequence: 8, Previous: 6, Content: d.content(&r), Raw: &kept, Partition: 2,
			Offset: 40, Timestamp: written,
			Event: activitytest.Order{ID: anOrder().ID, At: placed, Items: 2, Units: 8, Currency: "GBP", Revenue: 1530,
				Customer: "17850",
				Country:  "United Kingdom"}.Event(),
		}},
		Next: map[int32]activity.Position{
			2: {Offset: 41, LeaderEpoch: 3, TopicID: "t",
				Checkpoints: []activity.Checkpoint{{Offset: 40, Identity: "i"}}}},
	}
	if !reflect.DeepEqual(b, want) {
		t.Fatalf("got  %+v\nwant %+v", b, want)
	}
}

func TestDecoder_EachPoisonHasItsReason(t *testing.T) {
	value := func(change func(*event.Order)) func(*kafka.Record) {
		return func(r *kafka.Record) {
			o := anOrder()
			change(o)
			r.Value = event.Encode(o)
		}
	}
	text := func(old, replacement string) func(*kafka.Record) {
		return func(r *kafka.Record) {
			changed := strings.Replace(string(r.Value), old, replacement, 1)
			if changed == string(r.Value) {
				t.Fatalf("%s is not in %s", old, r.Value)
			}
			r.Value = []byte(changed)
		}
	}
	headers := func(change func(*cloudevent.Envelope)) func(*kafka.Record) {
		return func(r *kafka.Record) {
			e := envelope("m")
			change(e)
			r.Headers = e.Headers()
		}
	}
	for _, c := range []struct {
		what   string
		change func(*kafka.Record)
		want   activity.Reason // "" for none
	}{
		{"nothing", func(*kafka.Record) {}, ""},
		{"an unknown member", text(`{"id"`, `{"gift":{"wrap":[1,{}]},"id"`), ""},
		{"members in another order", func(r *kafka.Record) {
			r.Value = []byte(` {"total":3,"placed_at":"2010-12-01T08:26:00.5+01:00","lines":[{"unit_price":3,` +
				`"quantity":1}],"currency":"JPY","id":"x"} ` + "\n")
		}, ""},
		{"numbers with a point and an exponent", func(r *kafka.Record) {
			r.Value = []byte(`{"id":"x","currency":"GBP","lines":[{"quantity":2.0,"unit_price":1.25e3}],` +
				`"total":25000e-1,"placed_at":"2010-12-01T08:26:00Z"}`)
		}, ""},
		{"zero with a huge exponent", text(`"unit_price":0`, `"unit_price":0e999999999`), ""},
		{"a time in lower case", text(`"2010-12-01T08:26:00Z"`, `"2010-12-01t08:26:00z"`), ""},
		{"a leap second", text(`"2010-12-01T08:26:00Z"`, `"2016-12-31T23:59:60Z"`), ""},
		{"ten digits of a second", text(`"2010-12-01T08:26:00Z"`, `"2010-12-01T08:26:00.1234567890Z"`), ""},
		{"the first second of all", value(func(o *event.Order) { o.PlacedAt = time.Unix(0, 0) }), ""},
		{"a day ahead of its record", value(func(o *event.Order) { o.PlacedAt = written.Add(24 * time.Hour) }), ""},
		{"the largest amount", value(func(o *event.Order) {
			o.Lines = []event.Line{{Quantity: 1, UnitPrice: math.MaxInt64}}
			o.Total = math.MaxInt64
		}), ""},

		{"no value", func(r *kafka.Record) { r.Value = nil }, activity.ReasonTombstone},
		{"no headers", func(r *kafka.Record) { r.Headers = nil }, activity.ReasonEnvelope},
		{"no id", headers(func(e *cloudevent.Envelope) { e.ID = "" }), activity.ReasonEnvelope},
		{"a long id", headers(func(e *cloudevent.Envelope) { e.ID = strings.Repeat("x", 256) }),
			activity.ReasonEnvelope},
		{"a slot before the previous one",
			headers(func(e *cloudevent.Envelope) { e.Lineage, e.Sequence, e.Previous = "L", 3, 3 }),
			activity.ReasonEnvelope},
		{"another type", headers(func(e *cloudevent.Envelope) { e.Type, e.Source = "ORDER_CANCELLED", "/webshop" }),
			activity.ReasonUnknownType},
		{"another version", headers(func(e *cloudevent.Envelope) {
			e.DataSchema = "urn:ordertally:schema:order-created:2"
		}), activity.ReasonUnknownVersion},
		{"no version", headers(func(e *cloudevent.Envelope) { e.DataSchema = "" }), activity.ReasonUnknownVersion},

		{"an empty value", func(r *kafka.Record) { r.Value = []byte{} }, activity.ReasonMalformed},
		{"half a value", func(r *kafka.Record) { r.Value = r.Value[:len(r.Value)/2] }, activity.ReasonMalformed},
		{"two values", func(r *kafka.Record) { r.Value = append(r.Value, r.Value...) }, activity.ReasonMalformed},
		{"a list", func(r *kafka.Record) { r.Value = []byte(`[]`) }, activity.ReasonMalformed},
		{"bytes", func(r *kafka.Record) { r.Value = []byte("\x00\xff\xfe") }, activity.ReasonMalformed},
		{"invalid UTF-8", text(`HEART`, "\xff"), activity.ReasonMalformed},
		{"a member twice", text(`"total":1530`, `"total":1530,"total":1530`), activity.ReasonMalformed},
		{"a total in quotes", text(`"total":1530`, `"total":"1530"`), activity.ReasonMalformed},
		{"a fraction", text(`"quantity":6`, `"quantity":6.5`), activity.ReasonMalformed},
		{"a fraction with an exponent", text(`"quantity":6`, `"quantity":6.55e1`), activity.ReasonMalformed},
		{"a billion digits", text(`"quantity":6`, `"quantity":6e999999999`), activity.ReasonMalformed},
		{"a leap second within a month", text(`"2010-12-01T08:26:00Z"`, `"2016-12-30T23:59:60Z"`),
			activity.ReasonMalformed},
		{"beyond 64 bits", text(`"quantity":6`, `"quantity":9223372036854775808`), activity.ReasonMalformed},
		{"a date without a time", text(`"2010-12-01T08:26:00Z"`, `"2010-12-01"`), activity.ReasonMalformed},
		{"nested too deep", text(`{"id"`, `{"x":`+strings.Repeat("[", 20_000)+strings.Repeat("]", 20_000)+`,"id"`),
			activity.ReasonMalformed},

		{"null", func(r *kafka.Record) { r.Value = []byte(`null`) }, activity.ReasonMalformed},
		{"an empty object", func(r *kafka.Record) { r.Value = []byte(`{}`) }, activity.ReasonMalformed},
		{"no order id", text(`"id":"01890a5d-ac96-774b-8000-a8b45f0c6d21"`, `"id":""`), activity.ReasonImpossible},
		{"a lower-case currency", value(func(o *event.Order) { o.Currency = "gbp" }), activity.ReasonImpossible},
		{"a long currency", value(func(o *event.Order) { o.Currency = "GBPP" }), activity.ReasonImpossible},
		{"no lines", value(func(o *event.Order) { o.Lines, o.Total = nil, 0 }), activity.ReasonImpossible},
		{"quantity 0", value(func(o *event.Order) { o.Lines[1].Quantity = 0 }), activity.ReasonImpossible},
		{"no quantity", text(`"quantity":2,`, ``), activity.ReasonImpossible},
		{"no price", text(`,"unit_price":255`, ``), activity.ReasonImpossible},
		{"a negative quantity", value(func(o *event.Order) { o.Lines[0].Quantity = -6; o.Total = -1530 }),
			activity.ReasonImpossible},
		{"a negative price", value(func(o *event.Order) { o.Lines[1].UnitPrice = -1; o.Total = 1528 }),
			activity.ReasonImpossible},
		{"another total", value(func(o *event.Order) { o.Total = 1531 }), activity.ReasonImpossible},
		{"no total", text(`,"total":1530`, ``), activity.ReasonImpossible},
		{"no total of nothing", func(r *kafka.Record) {
			r.Value = []byte(`{"id":"x","currency":"GBP","lines":[{"quantity":1,"unit_price":0}],` +
				`"placed_at":"2010-12-01T08:26:00Z"}`)
		}, activity.ReasonImpossible},
		{"a product that overflows", value(func(o *event.Order) {
			o.Lines = []event.Line{{Quantity: 1 << 32, UnitPrice: 1 << 32}}
			o.Total = 0
		}), activity.ReasonImpossible},
		{"a product that overflows the sign", value(func(o *event.Order) {
			o.Lines = []event.Line{{Quantity: 1 << 32, UnitPrice: 1 << 31}}
			o.Total = math.MinInt64
		}), activity.ReasonImpossible},
		{"a product that overflows the sign and adds up to 0", value(func(o *event.Order) {
			o.Lines = []event.Line{{Quantity: 1, UnitPrice: 1 << 62}, {Quantity: 3, UnitPrice: 1 << 62}}
			o.Total = 0
		}), activity.ReasonImpossible},
		{"a sum that overflows", value(func(o *event.Order) {
			o.Lines = []event.Line{{Quantity: 1, UnitPrice: math.MaxInt64}, {Quantity: 1, UnitPrice: 1}}
			o.Total = math.MinInt64
		}), activity.ReasonImpossible},
		{"quantities that overflow", value(func(o *event.Order) {
			o.Lines = []event.Line{{Quantity: math.MaxInt64}, {Quantity: 1}}
			o.Total = 0
		}), activity.ReasonImpossible},
		{"before 1970", value(func(o *event.Order) { o.PlacedAt = time.Unix(0, -1) }), activity.ReasonImpossible},
		{"no time", text(`,"placed_at":"2010-12-01T08:26:00Z"`, ``), activity.ReasonMalformed},
		{"more than a day ahead of its record",
			value(func(o *event.Order) { o.PlacedAt = written.Add(24*time.Hour + 1) }), activity.ReasonImpossible},
	} {
		r := record(0, 5, "m")
		c.change(&r)
		d := newDecoder(&def)
		b := d.batch(kafka.Fetched{Records: []kafka.Record{r, record(0, 6, "next")}})
		var got activity.Reason
		if len(b.Parked) > 0 {
			p := b.Parked[0]
			got = p.Poison.Reason
			if p.Offset != 5 || !reflect.DeepEqual(p.Value, r.Value) || !reflect.DeepEqual(p.Headers, r.Headers) ||
				p.Poison.Detail == "" || len(p.Poison.Detail) > 500 {
				t.Errorf("%s: parked as %.600v", c.what, p)
			}
		}
		if got != c.want || len(b.Messages)+len(b.Parked) != 2 {
			t.Errorf("%s: %q, want %q: %+v", c.what, got, c.want, b)
		}
	}
}

// one decodes a value in an envelope that is as it should be.
func one(d *decoder, value []byte) (activity.Event, *activity.Poison) {
	r := record(0, 5, "m")
	r.Value = value
	b := d.batch(kafka.Fetched{Records: []kafka.Record{r}})
	if len(b.Parked) > 0 {
		return activity.Event{}, &b.Parked[0].Poison
	}
	return b.Messages[0].Event, nil
}

// TestDecoder_NothingLeaksIntoTheNextOrder guards the memory that the decoder reuses.
func TestDecoder_NothingLeaksIntoTheNextOrder(t *testing.T) {
	d := newDecoder(&def)
	if _, poison := one(d, event.Encode(anOrder())); poison != nil {
		t.Fatal(poison)
	}
	got, poison := one(d, []byte(`{"id":"x","currency":"GBP","lines":[{"quantity":1}],"total":0,`+
		`"placed_at":"2010-12-01T08:26:00Z"}`))
	want := activitytest.Order{ID: "x", At: placed, Items: 1, Units: 1, Currency: "GBP"}.Event()
	if poison != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got %+v, %v", got, poison)
	}
	if _, poison := one(d, []byte(`{"id":"x","currency":"GBP","lines":[{}],"total":0,`+
		`"placed_at":"2010-12-01T08:26:00Z"}`)); poison == nil {
		t.Fatal("a line took the quantity of an earlier order")
	}
}

// FuzzPayload holds what is accepted against the whole order as package event reads it, which also looks at members
// that are not counted.
func FuzzPayload(f *testing.F) {
	f.Add(event.Encode(anOrder()))
	for _, seed := range []string{"", "null", "{}", `{"lines":[{"quantity":1e3}]}`,
		`{"id":"x","currency":"EUR","lines":[{"quantity":1,"unit_price":0}],` +
			`"total":0,"placed_at":"1970-01-01T00:00:00Z"}`, `{"lines":[null],"total":-1}`,
		`{"lines":[[{"quantity":1}],7]}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		got, poison := one(newDecoder(&def), value)
		if poison != nil {
			if poison.Detail == "" {
				t.Fatal("poison without a detail")
			}
			return
		}
		whole, err := event.Decode(value)
		if err != nil {
			return
		}
		order := activitytest.Order{
			ID: whole.ID, Customer: whole.CustomerID, Country: whole.Metadata["country"], At: whole.PlacedAt,
			Items: int64(len(whole.Lines)), Currency: whole.Currency, Revenue: whole.Total,
		}
		for _, l := range whole.Lines {
			order.Units += l.Quantity
		}
		if want := order.Event(); fmt.Sprint(got) != fmt.Sprint(want) || order.Units < order.Items ||
			order.Revenue < 0 || got.At.Before(time.Unix(0, 0)) {
			t.Fatalf("got  %+v\nwant %+v", got, want)
		}
	})
}

// TestDecoder_TakesNumbersByValue: most languages' encoders may write a whole number with a point or an exponent.
func TestDecoder_TakesNumbersByValue(t *testing.T) {
	defs, err := declare.Parse(`[{name: PAYMENT, topic: pay.v1, type: PaymentCaptured,
		type-at: 'header:eventType', id: 'header:id', time: at,
		measures: {revenue: sum(payload.amounts.value) by payload.currency, parts: count(payload.amounts)},
		rules: ['payload.amounts.value >= 1']}]`)
	if err != nil {
		t.Fatal(err)
	}
	d := newDecoder(&defs[0])
	for amounts, want := range map[string]int64{
		`{"value":100.0}`: 100, `{"value":1e2}`: 100, `{"value":0.5e1},{"value":1500E-1}`: 155,
		`{"value":9223372036854775807.00}`: math.MaxInt64,
		`{"value":100.5}`:                  -1, `{"value":1e-2}`: -1, `{"value":1e999999999}`: -1,
		`{"value":"1e2"}`: -1,
		`{"value":0.0}`:   -1,
	} {
		r := kafka.Record{Timestamp: written,
			Value: []byte(`{"at":"2010-12-01T08:26:00Z","payload":{"currency":"EUR","amounts":[` + amounts + `]}}`),
			Headers: []cloudevent.Header{{Key: "eventType", Value: []byte("PaymentCaptured")},
				{Key: "id", Value: []byte("p1")}}}
		b := d.batch(kafka.Fetched{Records: []kafka.Record{r}})
		got := int64(-1)
		if len(b.Messages) == 1 {
			got = b.Messages[0].Event.Values[1].Amount
		}
		if got != want {
			t.Errorf("%s: counted as %d, want %d: %+v", amounts, got, want, b.Parked)
		}
	}
}

// TestDecoder_ReadsTimesAsRFC3339Does in the value and in the envelope's header.
func TestDecoder_ReadsTimesAsRFC3339Does(t *testing.T) {
	inHeader := def
	inHeader.At = activity.FactPath{Header: cloudevent.HeaderTime}
	for at, want := range map[string]time.Time{
		"2010-12-01t08:26:00z":            placed,
		"2016-12-31T23:59:60Z":            time.Date(2016, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		"2017-01-01T00:59:60.25+01:00":    time.Date(2016, 12, 31, 23, 59, 59, 999_999_999, time.UTC),
		"2010-12-01T08:26:00.1234567890Z": placed.Add(123_456_789),
		"1970-01-01T00:00:00Z":            time.Unix(0, 0),
		"2010-12-01 08:26:00Z":            {},
		"2010-12-01T08:26:60Z":            {},
	} {
		r := record(0, 5, "m")
		r.Value = []byte(strings.Replace(string(r.Value), "2010-12-01T08:26:00Z", at, 1))
		for i := range r.Headers {
			if r.Headers[i].Key == cloudevent.HeaderTime {
				r.Headers[i].Value = []byte(at)
			}
		}
		for where, d := range map[string]*decoder{"value": newDecoder(&def), "header": newDecoder(&inHeader)} {
			b := d.batch(kafka.Fetched{Records: []kafka.Record{r}})
			var got time.Time
			if len(b.Messages) == 1 {
				got = b.Messages[0].Event.At
			}
			if !got.Equal(want) {
				t.Errorf("%s in the %s: %s, want %s: %+v", at, where, got, want, b.Parked)
			}
		}
	}
}

// TestDecoder_ParksWhatIsTooLargeByItsPlace, before it looks at anything else, and again when it is retried.
func TestDecoder_ParksWhatIsTooLargeByItsPlace(t *testing.T) {
	d := newDecoder(&def)
	large := record(2, 5, "m")
	large.Value, large.TooLarge = nil, 1<<30
	noEnvelope := kafka.Record{Partition: 2, Offset: 6, TooLarge: 3 << 20}
	b := d.batch(kafka.Fetched{Records: []kafka.Record{large, noEnvelope, record(2, 7, "next")}})
	if len(b.Parked) != 2 || len(b.Messages) != 1 {
		t.Fatalf("%+v", b)
	}
	for i, p := range b.Parked {
		if p.Poison.Reason != activity.ReasonTooLarge || p.Offset != int64(5+i) || p.Value != nil || p.TooLarge == 0 ||
			!strings.Contains(p.Poison.Detail, fmt.Sprint(p.TooLarge)) {
			t.Errorf("parked as %+v", p)
		}
	}
	if !reflect.DeepEqual(b.Parked[0].Headers, large.Headers) {
		t.Error("its headers are lost")
	}
	if _, poison := Decode(&def, &b.Parked[0]); poison == nil || *poison != b.Parked[0].Poison {
		t.Errorf("a retry says %v", poison)
	}
}

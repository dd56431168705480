package order_test

import (
	"errors"
	"reflect"
	"testing"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"ordertally/order"
)

// FuzzDecodeDraft checks that no body causes a panic, that another reader agrees when a body is called malformed, and
// that an accepted draft survives being encoded and read again.
func FuzzDecodeDraft(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `[]`, `{"a":1,"a":2}`, `{} {}`, withLine(line), entries(3), placedAt("2010-12-01T08:26:00.123+01:00"),
		withField(`"source":"s","reference":"r"`), withField(`"source":"s","reference":""`),
		withField(`"id":null,"customer_id":"\ud83c\udf84","reference":"\ud800"`), quantity("1e3"), price("-0"),
		"{\"reference\":\"\xff\"}", `{"x":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		draft, err := order.DecodeDraft(body, now)
		var r *order.Rejection
		switch {
		case err == nil:
		case !errors.As(err, &r) || len(r.Violations) == 0 || r.Total < len(r.Violations) ||
			len(r.Violations) > order.MaxViolations:
			t.Fatalf("%q: %v", body, err)
		default:
			for _, v := range r.Violations {
				if !utf8.ValidString(v.Pointer) || !jsontext.Pointer(v.Pointer).IsValid() || v.Rule == "" ||
					v.Detail == "" {
					t.Fatalf("%q: %+v", body, v)
				}
			}
			if wellFormed := jsontext.Value(body).IsValid() &&
				jsontext.Value(body).Kind() == '{'; r.Code == order.CodeMalformedJSON &&
				wellFormed && r.Violations[0].Rule != order.RuleTooDeep || r.Code == order.CodeInvalidOrder &&
				!wellFormed {
				t.Fatalf("%q: well formed %v, but %v", body, wellFormed, err)
			}
			return
		}
		again := asked(t, &draft)
		back, err := order.DecodeDraft(again, now)
		if err != nil || !reflect.DeepEqual(back, draft) || order.HashRequest(&back) != order.HashRequest(&draft) {
			t.Fatalf("%q became %s: %+v, %v; want %+v", body, again, back, err, draft)
		}
	})
}

// asked returns a body that asks for the draft.
func asked(t *testing.T, d *order.Draft) []byte {
	t.Helper()
	whole, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	members := map[string]jsontext.Value{}
	if err := json.Unmarshal(whole, &members); err != nil {
		t.Fatal(err)
	}
	delete(members, "id")
	delete(members, "total")
	if d.PlacedAt.IsZero() {
		delete(members, "placed_at")
	}
	body, err := json.Marshal(members, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return body
}

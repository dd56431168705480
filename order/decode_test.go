package order_test

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"ordertally/order"
	"ordertally/shared/event"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func TestDecodeDraftReadsEveryField(t *testing.T) {
	got, err := order.DecodeDraft([]byte(
		` {"source":"online-retail","reference":"536365","customer_id":"17850","currency":"GBP",
		"lines":[{"sku":"85123A","description":"WHITE\tHEART \u00e9","quantity":6,"unit_price":255},
		{"sku":"7","quantity":1000000000,"unit_price":0}],
		"placed_at":"2010-12-01T09:26:00.5+01:00","metadata":{"country":"United Kingdom","note":""}} `), now)
	want := order.Draft{
		Source: "online-retail", Reference: "536365", CustomerID: "17850", Currency: "GBP",
		Lines: []event.Line{{SKU: "85123A", Description: "WHITE\tHEART é", Quantity: 6, UnitPrice: 255},
			{SKU: "7", Quantity: 1e9}},
		PlacedAt: time.Date(2010, 12, 1, 8, 26, 0, 5e8, time.UTC),
		Metadata: map[string]string{"country": "United Kingdom", "note": ""},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v, %v\nwant %+v", got, err, want)
	}
	if total, ok := order.Total(got.Lines); total != 1530 || !ok {
		t.Fatalf("total is %d, %v", total, ok)
	}
}

func TestMalformedBodies(t *testing.T) {
	nested := func(depth int) string { // in an unknown field; the outermost object counts
		return `{"x":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`
	}
	for _, c := range []struct {
		name, body string
		rule       order.Rule
		pointer    string
	}{
		{"empty", "", order.RuleEmptyBody, ""},
		{"blank", " \r\n\t", order.RuleEmptyBody, ""},
		{"array", `[{"currency":"GBP"}]`, order.RuleNotAnObject, ""},
		{"string", `"x"`, order.RuleNotAnObject, ""},
		{"null", `null`, order.RuleNotAnObject, ""},
		{"not JSON", `currency=GBP`, order.RuleSyntax, ""},
		{"byte order mark", "\ufeff{}", order.RuleSyntax, ""},
		{"cut off", `{"currency":"GBP"`, order.RuleSyntax, ""},
		{"comma before the end", `{"currency":"GBP",}`, order.RuleSyntax, ""},
		{"comment", `{/* */}`, order.RuleSyntax, ""},
		{"leading zero", `{"lines":[{"quantity":01}]}`, order.RuleSyntax, "/lines/0"},
		{"plus", `{"lines":[{"quantity":+1}]}`, order.RuleSyntax, "/lines/0/quantity"},
		{"raw control character", "{\"reference\":\"a\nb\"}", order.RuleSyntax, "/reference"},
		{"lone surrogate", `{"reference":"\ud800"}`, order.RuleSyntax, "/reference"},
		{"lone surrogate in an unknown field", `{"x":{"y":["\udc00"]}}`, order.RuleSyntax, "/x/y/0"},
		{"lone surrogate in a name", `{"\ud800":1}`, order.RuleSyntax, ""},
		{"invalid UTF-8", "{\"reference\":\"\xff\"}", order.RuleInvalidUTF8, "/reference"},
		{"invalid UTF-8 in a name", "{\"\xc3\":1}", order.RuleInvalidUTF8, ""},
		{"overlong UTF-8", "{\"reference\":\"\xc0\xaf\"}", order.RuleInvalidUTF8, "/reference"},
		{"surrogate in UTF-8", "{\"reference\":\"\xed\xa0\x80\"}", order.RuleInvalidUTF8, "/reference"},
		{"repeated name", `{"currency":"GBP","currency":"GBP"}`, order.RuleRepeatedName, "/currency"},
		{"repeated name, escaped", `{"currency":"GBP","curr\u0065ncy":"GBP"}`, order.RuleRepeatedName, "/currency"},
		{"repeated name in a line", `{"lines":[{"sku":"a"},{"sku":"a","sku":"a"}]}`, order.RuleRepeatedName,
			"/lines/1/sku"},
		{"repeated name in metadata", `{"metadata":{"a":"1","a":"2"}}`, order.RuleRepeatedName, "/metadata/a"},
		{"repeated unknown name", `{"x":1,"x":1}`, order.RuleRepeatedName, "/x"},
		{"repeated name deep inside", `{"x":[{"y":1,"y":1}]}`, order.RuleRepeatedName, "/x/0/y"},
		{"two objects", `{} {}`, order.RuleTrailingData, ""},
		{"garbage after", `{}x`, order.RuleTrailingData, ""},
		{"brace after", `{}}`, order.RuleTrailingData, ""},
		{"NUL after", "{}\x00", order.RuleTrailingData, ""},
		{"half an object after", `{}{"a":`, order.RuleTrailingData, ""},
		{"33 deep", nested(33), order.RuleTooDeep, "/x" + strings.Repeat("/0", 31)},
		{"a million deep", `{"x":` + strings.Repeat("[", 1<<20-5), order.RuleTooDeep, "/x" + strings.Repeat("/0", 31)},
		{"a million deep from the start", strings.Repeat(`{"x":`, 200_000), order.RuleTooDeep,
			strings.Repeat("/x", 32)},
	} {
		t.Run(c.name, func(t *testing.T) {
			draft, err := order.DecodeDraft([]byte(c.body), now)
			var r *order.Rejection
			if !errors.As(err, &r) || r.Code != order.CodeMalformedJSON {
				t.Fatalf("got %+v, %v", draft, err)
			}
			if r.Total != 1 || len(r.Violations) != 1 || r.Violations[0].Rule != c.rule ||
				r.Violations[0].Pointer != c.pointer {
				t.Fatalf("got %+v, want %s at %q", r.Violations, c.rule, c.pointer)
			}
			if r.Violations[0].Detail == "" || len(r.Error()) > 500 {
				t.Fatalf("the error is %d bytes: %.200s", len(r.Error()), r.Error())
			}
		})
	}
	if _, err := order.DecodeDraft([]byte(nested(32)), now); err == nil || !strings.Contains(err.Error(), "unknown") &&
		!strings.Contains(err.Error(), "known field") {
		t.Fatalf("32 deep: %v", err)
	}
}

// line is a valid line; broken cases replace one of its members.
const line = `{"sku":"a","quantity":1,"unit_price":1}`

func withLine(l string) string      { return `{"currency":"GBP","lines":[` + l + `]}` }
func withField(field string) string { return `{"currency":"GBP","lines":[` + line + `],` + field + `}` }
func quantity(n string) string      { return withLine(`{"sku":"a","unit_price":1,"quantity":` + n + `}`) }
func price(n string) string         { return withLine(`{"sku":"a","quantity":1,"unit_price":` + n + `}`) }
func placedAt(t string) string      { return withField(`"placed_at":"` + t + `"`) }

func priced(currency, at string) string {
	return `{"currency":"` + currency + `","lines":[` + line + `],"placed_at":"` + at + `"}`
}

func entries(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `,"k%d":"v"`, i)
	}
	return withField(`"metadata":{` + b.String()[1:] + `}`)
}

func TestRulesOfAnOrder(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       string // "pointer rule", one per line; "" for none
	}{
		{"nothing given", `{}`, "/currency required\n/lines required"},
		{"empty line", withLine(`{}`), "/lines/0/sku required\n/lines/0/quantity required\n/lines/0/unit_price " +
			"required"},
		{"second line short of a price", withLine(line + `,{"sku":"a","quantity":1}`), "/lines/1/unit_price required"},
		{"no lines", withLine(``), "/lines empty"},
		{"2000 lines", withLine(line + strings.Repeat(","+line, 1999)), ""},
		{"2001 lines", withLine(line + strings.Repeat(","+line, 2000)), "/lines too_many"},

		{"unknown field", withField(`"note":"x"`), "/note unknown_field"},
		{"unknown field in a line", withLine(`{"sku":"a","quantity":1,"unit_price":1,"total":1}`),
			"/lines/0/total unknown_field"},
		{"name in another case", withField(`"Reference":"x"`), "/Reference unknown_field"},
		{"empty name", withField(`"":"x"`), "/ unknown_field"},
		{"name to be escaped", withField(`"a/b~c":{"d":[]}`), "/a~1b~0c unknown_field"},
		{"id", withField(`"id":"x"`), "/id computed_field"},
		{"total", withField(`"total":1`), "/total computed_field"},
		{"publication", withField(`"publication":{"state":"pending"}`), "/publication computed_field"},

		{"reference no string", withField(`"reference":536365`), "/reference wrong_type"},
		{"reference null", withField(`"reference":null`), "/reference wrong_type"},
		{"customer a list", withField(`"customer_id":["x"]`), "/customer_id wrong_type"},
		{"lines an object", `{"currency":"GBP","lines":{}}`, "/lines wrong_type"},
		{"lines null", `{"currency":"GBP","lines":null}`, "/lines wrong_type"},
		{"a line null", withLine(`null`), "/lines/0 wrong_type"},
		{"a line an array", withLine(`[` + line + `]`), "/lines/0 wrong_type"},
		{"currency a number", `{"currency":826,"lines":[` + line + `]}`, "/currency wrong_type"},
		{"currency null", `{"currency":null,"lines":[` + line + `]}`, "/currency wrong_type"},
		{"placed_at a number", withField(`"placed_at":1291191960`), "/placed_at wrong_type"},
		{"metadata a list", withField(`"metadata":[]`), "/metadata wrong_type"},
		{"metadata null", withField(`"metadata":null`), "/metadata wrong_type"},
		{"metadata value true", withField(`"metadata":{"gift":true}`), "/metadata/gift wrong_type"},
		{"metadata value null", withField(`"metadata":{"gift":null}`), "/metadata/gift wrong_type"},
		{"metadata value an object", withField(`"metadata":{"gift":{"x":1}}`), "/metadata/gift wrong_type"},
		{"quantity a string", quantity(`"1"`), "/lines/0/quantity wrong_type"},
		{"quantity null", quantity(`null`), "/lines/0/quantity wrong_type"},
		{"price true", price(`true`), "/lines/0/unit_price wrong_type"},

		{"quantity 0", quantity(`0`), "/lines/0/quantity out_of_range"},
		{"quantity -0", quantity(`-0`), "/lines/0/quantity out_of_range"},
		{"quantity -1", quantity(`-1`), "/lines/0/quantity out_of_range"},
		{"quantity 10^9", quantity(`1000000000`), ""},
		{"quantity 10^9+1", quantity(`1000000001`), "/lines/0/quantity out_of_range"},
		{"quantity 2^64+1", quantity(`18446744073709551617`), "/lines/0/quantity out_of_range"},
		{"quantity of 100 digits", quantity(strings.Repeat("9", 100)), "/lines/0/quantity out_of_range"},
		{"quantity 1.5", quantity(`1.5`), "/lines/0/quantity not_an_integer"},
		{"quantity 2.0", quantity(`2.0`), ""},
		{"quantity 1e3", quantity(`1e3`), ""},
		{"quantity 10^9 in words of powers", quantity(`0.1E+10`), ""},
		{"quantity a little more", quantity(`1.000000001e9`), "/lines/0/quantity out_of_range"},
		{"quantity 1E400", quantity(`1E400`), "/lines/0/quantity out_of_range"},
		{"quantity of a billion digits", quantity(`1e999999999`), "/lines/0/quantity out_of_range"},
		{"quantity behind a billion zeros", quantity(`1e-999999999`), "/lines/0/quantity not_an_integer"},
		{"quantity 0.0", quantity(`0.0`), "/lines/0/quantity out_of_range"},
		{"price 1250.0", price(`1250.0`), ""},
		{"price 1.25e3", price(`1.25e3`), ""},
		{"price 1250.5", price(`1250.5`), "/lines/0/unit_price not_an_integer"},
		{"price -0.0", price(`-0.0`), ""},
		{"price 2^63-1 with a point", price(`9223372036854775807.0`), ""},
		{"price 2^63 with a point", price(`9223372036854775808.0`), "/lines/0/unit_price out_of_range"},
		{"price 0", price(`0`), ""},
		{"price -1", price(`-1`), "/lines/0/unit_price out_of_range"},
		{"price 2.55", price(`2.55`), "/lines/0/unit_price not_an_integer"},
		{"price 2^63-1", price(`9223372036854775807`), ""},
		{"price 2^63", price(`9223372036854775808`), "/lines/0/unit_price out_of_range"},
		{"line overflows", withLine(`{"sku":"a","quantity":2,"unit_price":4611686018427387904}`), "/lines/0 overflow"},
		{"line just fits", withLine(`{"sku":"a","quantity":7,"unit_price":1317624576693539401}`), ""},
		{"sum just fits", withLine(`{"sku":"a","quantity":1,"unit_price":9223372036854775806},` + line), ""},
		{"sum overflows", withLine(`{"sku":"a","quantity":1,"unit_price":9223372036854775807},` + line),
			"/lines overflow"},

		{"currency lower case", `{"currency":"gbp","lines":[` + line + `]}`, "/currency unknown_currency"},
		{"currency empty", `{"currency":"","lines":[` + line + `]}`, "/currency unknown_currency"},
		{"currency two of the table", `{"currency":"P G","lines":[` + line + `]}`, "/currency unknown_currency"},
		{"currency of three spaces", `{"currency":"   ","lines":[` + line + `]}`, "/currency unknown_currency"},
		{"currency too long", `{"currency":"GBP EUR","lines":[` + line + `]}`, "/currency unknown_currency"},
		// Place knows whether it is a retry.
		{"currency withdrawn, without a time", `{"currency":"DEM","lines":[` + line + `]}`, ""},
		{"currency withdrawn since", priced("BGN", "2025-11-28T10:00:00Z"), ""},
		{"currency in the month of its withdrawal", priced("BGN", "2026-01-31T23:59:59.999Z"), ""},
		{"currency withdrawn before", priced("BGN", "2026-02-01T00:00:00Z"), "/currency unknown_currency"},
		{"mark in 1999", priced("DEM", "1999-06-30T12:00:00+02:00"), ""},
		{"mark in 2002, while notes were changed", priced("DEM", "2002-02-28T12:00:00+01:00"), ""},
		{"mark in 2010", priced("DEM", "2010-12-01T08:26:00Z"), "/currency unknown_currency"},
		{"kuna", priced("HRK", "2022-12-24T18:00:00+01:00"), ""},
		{"kuna to the month's end by UTC", priced("HRK", "2023-02-01T00:59:59+01:00"), ""},
		{"kuna too late", priced("HRK", "2023-02-01T01:00:00+01:00"), "/currency unknown_currency"},
		{"old leone", priced("SLL", "2023-12-01T00:00:00Z"), ""},
		{"old leone too late", priced("SLL", "2024-01-01T00:00:00Z"), "/currency unknown_currency"},
		{"a currency whose list gives years only", priced("ISJ", "1990-12-31T23:00:00Z"), ""},
		{"placed_at before its currency",
			`{"placed_at":"1999-06-30T12:00:00Z","currency":"ITL","lines":[` + line + `]}`, ""},
		{"withdrawn, and its time is none", priced("DEM", "soon"), "/placed_at invalid_time"},
		{"withdrawn, and its time is to come", priced("DEM", "2030-01-01T00:00:00Z"), "/placed_at out_of_range"},
		{"a withdrawn unit of account", priced("XEU", "1998-01-01T00:00:00Z"), "/currency unknown_currency"},
		{"a code that never was", priced("XYZ", "1998-01-01T00:00:00Z"), "/currency unknown_currency"},
		{"no currency of minor units", `{"currency":"XAU","lines":[` + line + `]}`, "/currency unknown_currency"},

		{"1970", placedAt("1970-01-01T00:00:00Z"), ""},
		{"before 1970", placedAt("1969-12-31T23:59:59.999999999Z"), "/placed_at out_of_range"},
		{"before 1970 by its offset", placedAt("1970-01-01T00:59:59+01:00"), "/placed_at out_of_range"},
		{"now", placedAt("2026-05-01T14:00:00+02:00"), ""},
		{"200 ms ahead", placedAt("2026-05-01T12:00:00.200Z"), ""},
		{"5 s ahead", placedAt("2026-05-01T12:00:05Z"), ""},
		{"more than 5 s ahead", placedAt("2026-05-01T12:00:05.000000001Z"), "/placed_at out_of_range"},
		{"February 29 in a leap year", placedAt("2024-02-29T00:00:00Z"), ""},
		{"February 29 in another", placedAt("2023-02-29T00:00:00Z"), "/placed_at invalid_time"},
		{"April 31", placedAt("2010-04-31T00:00:00Z"), "/placed_at invalid_time"},
		{"month 13", placedAt("2010-13-01T00:00:00Z"), "/placed_at invalid_time"},
		{"hour 24", placedAt("2010-12-01T24:00:00Z"), "/placed_at invalid_time"},
		{"leap second", placedAt("2016-12-31T23:59:60Z"), ""},
		{"leap second within a month", placedAt("2016-12-30T23:59:60Z"), "/placed_at invalid_time"},
		{"no offset", placedAt("2010-12-01T08:26:00"), "/placed_at invalid_time"},
		{"no seconds", placedAt("2010-12-01T08:26Z"), "/placed_at invalid_time"},
		{"date alone", placedAt("2010-12-01"), "/placed_at invalid_time"},
		{"a space for T", placedAt("2010-12-01 08:26:00Z"), "/placed_at invalid_time"},
		{"lower case", placedAt("2010-12-01t08:26:00z"), ""},
		{"offset of a day", placedAt("2010-12-01T08:26:00+24:00"), "/placed_at invalid_time"},
		{"comma", placedAt("2010-12-01T08:26:00,5Z"), "/placed_at invalid_time"},
		{"9 digits", placedAt("2010-12-01T08:26:00.123456789Z"), ""},
		{"10 digits", placedAt("2010-12-01T08:26:00.1234567890Z"), ""},
		{"30 digits", placedAt("2010-12-01T08:26:00." + strings.Repeat("9", 30) + "+01:00"), ""},
		{"empty time", placedAt(""), "/placed_at invalid_time"},

		{"empty optional texts", withField(`"reference":"","customer_id":"","metadata":{}`), ""},
		{"empty sku", withLine(`{"sku":"","quantity":1,"unit_price":1}`), "/lines/0/sku empty"},
		{"sku of 64 characters", withLine(`{"sku":"` + strings.Repeat("é", 64) + `","quantity":1,"unit_price":1}`), ""},
		{"sku of 65", withLine(`{"sku":"` + strings.Repeat("a", 65) + `","quantity":1,"unit_price":1}`),
			"/lines/0/sku too_long"},
		{"reference of 128", withField(`"reference":"` + strings.Repeat("\U0001F384", 128) + `"`), ""},
		{"source of 64", withField(`"source":"` + strings.Repeat("\U0001F384", 64) + `","reference":"1"`), ""},
		{"source of 65", withField(`"reference":"1","source":"` + strings.Repeat("é", 65) + `"`), "/source too_long"},
		{"source empty", withField(`"reference":"1","source":""`), "/source empty"},
		{"source without a reference", withField(`"source":"s"`), "/reference required"},
		{"source with an empty reference", withField(`"source":"s","reference":""`), "/reference required"},
		{"source with a broken reference", withField(`"source":"s","reference":7`), "/reference wrong_type"},
		{"source with a tab", withField(`"source":"s\t","reference":"7"`), "/source invalid_character"},
		{"placed_by", withField(`"placed_by":"me"`), "/placed_by computed_field"},
		{"reference of 129", withField(`"reference":"` + strings.Repeat("é", 129) + `"`), "/reference too_long"},
		{"customer of 129", withField(`"customer_id":"` + strings.Repeat("c", 129) + `"`), "/customer_id too_long"},
		{"description of 512", withLine(`{"sku":"a","quantity":1,"unit_price":1,"description":"` +
			strings.Repeat("é", 512) + `"}`), ""},
		{"description of 513", withLine(`{"sku":"a","quantity":1,"unit_price":1,"description":"` +
			strings.Repeat("d", 513) + `"}`), "/lines/0/description too_long"},
		{"32 entries", entries(32), ""},
		{"33 entries", entries(33), "/metadata too_many"},
		{"key of 65", withField(`"metadata":{"` + strings.Repeat("k", 65) + `":"v"}`),
			"/metadata/" + strings.Repeat("k", 65) + " too_long"},
		{"key empty", withField(`"metadata":{"":"v"}`), "/metadata/ empty"},
		{"value of 512", withField(`"metadata":{"k":"` + strings.Repeat("é", 512) + `"}`), ""},
		{"value of 513", withField(`"metadata":{"k":"` + strings.Repeat("v", 513) + `"}`), "/metadata/k too_long"},

		{"NUL", withField(`"reference":"a\u0000"`), "/reference invalid_character"},
		{"newline in an identifier", withField(`"customer_id":"a\nb"`), "/customer_id invalid_character"},
		{"tab in an identifier", withLine(`{"sku":"a\tb","quantity":1,"unit_price":1}`),
			"/lines/0/sku invalid_character"},
		{"escape in a key", withField(`"metadata":{"\u001b[31m":"v"}`), "/metadata/\x1b[31m invalid_character"},
		{"C1 in a description", withLine(`{"sku":"a","quantity":1,"unit_price":1,"description":"` + "\u0085" + `"}`),
			"/lines/0/description invalid_character"},
		{"DEL in a value", withField(`"metadata":{"k":"` + "\u007f" + `"}`), "/metadata/k invalid_character"},
		{"tab in a value", withField(`"metadata":{"k":"a\tb"}`), ""},

		{"all at once", `{"id":1,"currency":"xx","lines":[{"sku":1,"quantity":0.5}],"placed_at":"soon"}`,
			"/id computed_field\n/currency unknown_currency\n/lines/0/sku wrong_type\n/lines/0/quantity " +
				"not_an_integer\n/lines/0/unit_price required\n/placed_at invalid_time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := order.DecodeDraft([]byte(c.body), now)
			var r *order.Rejection
			if errors.As(err, &r) && r.Code != order.CodeInvalidOrder {
				t.Fatalf("code is %s: %v", r.Code, err)
			}
			if got := listed(err); got != c.want {
				t.Fatalf("got\n%s\nwant\n%s\n(%v)", got, c.want, err)
			}
		})
	}
}

func listed(err error) string {
	var r *order.Rejection
	if !errors.As(err, &r) {
		return ""
	}
	var all []string
	for _, v := range r.Violations {
		all = append(all, v.Pointer+" "+string(v.Rule))
	}
	return strings.Join(all, "\n")
}

func TestViolationsAreBounded(t *testing.T) {
	hostile := strings.Repeat("x", 100_000)
	_, err := order.DecodeDraft([]byte(`{"`+hostile+`":1,"currency":"GBP","lines":[`+strings.Repeat(`{},`, 5000)+
		`{}]}`), now)
	var r *order.Rejection
	if !errors.As(err, &r) {
		t.Fatal(err)
	}
	// The unknown name, three fields of each of the first 2,000 lines, and the number of lines.
	if len(r.Violations) != order.MaxViolations || r.Total != 1+3*2000+1 || len(r.Error()) > 2000 {
		t.Fatalf("%d of %d violations in %d bytes", len(r.Violations), r.Total, len(r.Error()))
	}
	if r.Violations[0].Pointer != "" || r.Violations[0].Rule != order.RuleUnknownField {
		t.Fatalf("a pointer too long to repeat is cut back to its parent: %+.100v", r.Violations[0])
	}
}

func TestMisspeltNamesGetASuggestion(t *testing.T) {
	for name, want := range map[string]string{
		"refernce": "did you mean reference?", "customerId": "did you mean customer_id?",
		"Currency": "did you mean currency?",
		"placedAt": "did you mean placed_at?", "line": "did you mean lines?", "voucher": "",
	} {
		_, err := order.DecodeDraft([]byte(withField(`"`+name+`":1`)), now)
		if err == nil || want == "" && strings.Contains(err.Error(), "did you mean") ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFloodOfViolationsCostsLittle(t *testing.T) {
	const fields = 50_000
	var b strings.Builder
	for i := range fields {
		fmt.Fprintf(&b, `"%d":1,`, i)
	}
	body := []byte(`{` + b.String() + `"z":1}`)
	// The reader itself allocates once per name, to find repeated ones.
	if allocs := testing.AllocsPerRun(1, func() { _, _ = order.DecodeDraft(body, now) }); allocs > 2*fields {
		t.Fatalf("%.0f allocations for %d unknown fields", allocs, fields)
	}
}

func TestDecodeDraft_TakesNumbersByValue(t *testing.T) {
	for spelling, want := range map[string]event.Line{
		`"quantity":2.0,"unit_price":1250.0`:      {SKU: "a", Quantity: 2, UnitPrice: 1250},
		`"quantity":0.02e2,"unit_price":1.25e3`:   {SKU: "a", Quantity: 2, UnitPrice: 1250},
		`"quantity":20e-1,"unit_price":125000E-2`: {SKU: "a", Quantity: 2, UnitPrice: 1250},
		`"quantity":1,"unit_price":0e999999999`:   {SKU: "a", Quantity: 1},
	} {
		draft, err := order.DecodeDraft([]byte(withLine(`{"sku":"a",`+spelling+`}`)), now)
		if err != nil || len(draft.Lines) != 1 || draft.Lines[0] != want {
			t.Errorf("%s: %+v, %v", spelling, draft.Lines, err)
		}
	}
}

func TestDecodeDraft_SaysHowFarAheadATimeIs(t *testing.T) {
	at := now.Add(123 * time.Millisecond)
	_, err := order.DecodeDraft([]byte(placedAt("2026-05-01T12:00:05.124Z")), at)
	if want := "/placed_at must be at most 5 s ahead of the service's clock, which says " +
		"2026-05-01T12:00:00.123Z"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestDecodeDraft_SaysUntilWhenACurrencyWasActive(t *testing.T) {
	for body, want := range map[string]string{
		priced("DEM", "2010-12-01T08:26:00Z"): "/currency was withdrawn in 2002-03, before the order was placed in " +
			"2010-12; it must be active at placed_at",
		priced("BGN", "2026-03-01T00:00:00Z"): "/currency was withdrawn in 2026-01, before the order was placed in " +
			"2026-03; it must be active at placed_at",
		priced("dem", "1999-12-01T08:26:00Z"): "/currency must be an ISO 4217 currency code in upper case, such as GBP",
	} {
		if _, err := order.DecodeDraft([]byte(body), now); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
}

package output_test

import (
	"bytes"
	"errors"
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	"ordertally/shared/text/output"
)

// zone is an hour east of UTC.
var zone = time.FixedZone("CET", 3600)

func inZone(t *testing.T) {
	before := time.Local
	time.Local = zone
	t.Cleanup(func() { time.Local = before })
}

type row struct {
	name  string
	at    time.Time
	n     int64
	money output.Money
}

func TestList_WritesOneAnswerInEachFormat(t *testing.T) {
	inZone(t)
	at := time.Date(2026, 3, 1, 12, 0, 0, 5e8, time.UTC)
	list := output.List[row]{
		Answer: []byte(`{"rows":[{"name":"a","new":1},{"name":"b"}],"next_cursor":"c"}`), Member: "rows",
		Rows: []row{{"a", at, 12, output.MoneyOf("GBP", 123456)}, {"two words", time.Time{}, 3, output.Money{}},
			{"日本  x", at, 100, output.MoneyOf("JPY", 7)}, {"=1+1", at, -1, output.MoneyOf("GBP", -5)}},
		Columns: []output.Column[row]{
			{Title: "NAME", Name: "name", Of: func(r *row) any { return r.name }},
			{Title: "AT", Name: "at", Of: func(r *row) any { return r.at }},
			{Title: "N", Name: "n", Of: func(r *row) any { return r.n }},
			{Name: "currency", Of: func(r *row) any { return r.money.Currency }},
			{Title: "TOTAL", Name: "total", Of: func(r *row) any { return r.money }},
		},
		Next: "c", More: "more: --cursor ",
		Below: []string{"below"},
	}
	for format, want := range map[string]string{
		"table": "NAME       AT                           N        TOTAL\n" +
			"a          2026-03-01T13:00:00+01:00   12  GBP 1234.56\n" +
			"two words  -                            3            -\n" +
			"\"日本  x\"  2026-03-01T13:00:00+01:00  100        JPY 7\n" +
			"=1+1       2026-03-01T13:00:00+01:00   -1    GBP -0.05\n" +
			"below\nmore: --cursor c\n",
		"json":   `{"rows":[{"name":"a","new":1},{"name":"b"}],"next_cursor":"c"}` + "\n",
		"ndjson": `{"name":"a","new":1}` + "\n" + `{"name":"b"}` + "\n",
		"csv": "name,at,n,currency,total\na,2026-03-01T12:00:00.5Z,12,GBP,123456\ntwo words,,3,,\n" +
			"日本  x,2026-03-01T12:00:00.5Z,100,JPY,7\n'=1+1,2026-03-01T12:00:00.5Z,-1,GBP,-5\n",
	} {
		var out, notes bytes.Buffer
		list.Notes = &notes
		if err := list.Write(&out, format); err != nil || out.String() != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", format, err, &out, want)
		}
		if noted := notes.String() == "more: --cursor c\n"; noted != (format == "ndjson" || format == "csv") {
			t.Errorf("%s: where the next page begins is noted: %v", format, noted)
		}
	}
	var out bytes.Buffer
	list.Headless = true
	if err := list.Write(&out, "csv"); err != nil || strings.Contains(out.String(), "currency") {
		t.Errorf("a later page has a header: %v, %s", err, &out)
	}
	list.Answer = []byte(`{"rows":1}`)
	if err := list.Write(&bytes.Buffer{}, "ndjson"); err == nil {
		t.Error("an answer without rows was taken")
	}
}

func TestForm_WritesAnAnswerAsItIs(t *testing.T) {
	const answer = `{ "b": 1e3, "a": "é\u0041" }`
	for format, want := range map[string]string{
		"table": "people\n", "json": `{"b":1e3,"a":"é\u0041"}` + "\n", "ndjson": `{"b":1e3,"a":"é\u0041"}` + "\n",
	} {
		var out bytes.Buffer
		form := output.Form{Output: format}
		err := form.Write(&out, []byte(answer), func(w io.Writer) error {
			_, err := io.WriteString(w, "people\n")
			return err
		})
		if err != nil || out.String() != want {
			t.Errorf("%s: %v, %q", format, err, &out)
		}
	}
}

func TestMoney_IsInTheCurrencysOwnUnit(t *testing.T) {
	huge, _ := new(big.Int).SetString("123456789012345678901234567890", 10)
	for want, money := range map[string]output.Money{
		"GBP 0.00": output.MoneyOf("GBP", 0), "GBP 0.05": output.MoneyOf("GBP", 5),
		"GBP -1.50": output.MoneyOf("GBP", -150), "JPY 150": output.MoneyOf("JPY", 150),
		"KWD 0.150": output.MoneyOf("KWD", 150), "UYW 0.0150": output.MoneyOf("UYW", 150),
		"EUR 1234567890123456789012345678.90": {Currency: "EUR", Minor: huge}, "-": {Currency: "EUR"},
	} {
		if got := money.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestCount_HasTheRightPlural(t *testing.T) {
	for want, got := range map[string]string{
		"0 orders": output.Count(0, "order"), "1 order": output.Count(1, "order"),
		"2 orders": output.Count(int64(2), "order"), "2 entries": output.Count(2, "entry"),
		"3 days": output.Count(3, "day"), "0 idempotency keys": output.Count(0, "idempotency key"),
		"1 entry": output.Count(1, "entry"),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestWriters_SayWhenNobodyReads(t *testing.T) {
	table := output.NewTable("A")
	list := output.List[row]{Answer: []byte(`{"rows":[{}]}`), Member: "rows", Columns: []output.Column[row]{
		{Title: "N", Name: "n", Of: func(r *row) any { return r.n }}}}
	for name, write := range map[string]error{
		"table": table.Write(broken{}), "json": list.Write(broken{}, "json"), "ndjson": list.Write(broken{}, "ndjson"),
		"csv": list.Write(broken{}, "csv"), "print": output.Print(broken{}, "x"),
	} {
		if write == nil || !strings.Contains(write.Error(), "write the answer: broken pipe") {
			t.Errorf("%s: %v", name, write)
		}
	}
}

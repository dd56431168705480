package parkedverbs_test

import (
	"bytes"
	"testing"

	"ordertally/shared/parked/parkedverbs"
)

func TestList_WritesATableLinesOrTheAnswer(t *testing.T) {
	const answer = `{"parked":[{"id":"1","n":7,"at":"2026-03-01T12:00:00.123Z","says":"a \"b\"\u001b","more":true},` +
		`{"id":"two words","says":""}],"corrupt":["3"],"next_cursor":"c",` +
		`"overflow":[{"partition":1,"from":2,"to":3}]}`
	list := parkedverbs.List{Member: "parked", Program: "order", More: "more: --cursor ", Columns: []parkedverbs.Column{
		{Title: "ID", Member: "id"}, {Title: "N", Member: "n"}, {Title: "AT", Member: "at"},
		{Title: "SAYS", Member: "says"},
	}}
	for format, want := range map[string]string{
		"json": answer + "\n",
		"ndjson": `{"id":"1","n":7,"at":"2026-03-01T12:00:00.123Z","says":"a \"b\"\u001b","more":true}` + "\n" +
			`{"id":"two words","says":""}` + "\n" + `{"corrupt":["3"]}` + "\n",
		"csv": "id,n,at,says\n1,7,2026-03-01T12:00:00.123Z,\"a \"\"b\"\"\x1b\"\ntwo words,,,\n",
		"table": "ID         N  AT                    SAYS\n" +
			"1          7  2026-03-01T12:00:00Z  \"a \\\"b\\\"\\x1b\"\n" +
			"two words  -  -                     -\n" +
			"damaged: message 3: stop the service and run order check\n" +
			"no room was left for offsets 2 to 3 of partition 1: read them from Kafka\n" +
			"more: --cursor c\n",
	} {
		var out, notes bytes.Buffer
		if err := list.Print(&out, &notes, format, []byte(answer)); err != nil || out.String() != want ||
			notes.Len() > 0 != (format == "ndjson" || format == "csv") {
			t.Errorf("%s: %v\n%s\nwant\n%s", format, err, out.String(), want)
		}
	}
	for _, wrong := range []string{`[]`, `{"parked":1}`, `{"parked":[1]}`, `{"corrupt":1}`} {
		if err := list.Print(&bytes.Buffer{}, &bytes.Buffer{}, "table", []byte(wrong)); err == nil {
			t.Errorf("%s was taken", wrong)
		}
	}
}

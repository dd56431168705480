package safetext_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"ordertally/shared/text/safetext"
)

func TestWriter_ShowsWhatWouldAct(t *testing.T) {
	for text, want := range map[string]string{
		"plain ascii\twith\nends\r\n":    "plain ascii\twith\nends\r\n",
		"grüße, 日本語, עברית, 🎉":           "grüße, 日本語, עברית, 🎉",
		"a\u0085b\u009b2Jc":              `a\u0085b\u009b2Jc`,
		"\u0080\u009f":                   `\u0080\u009f`,
		"\u202a\u202b\u202c\u202d\u202e": `\u202a\u202b\u202c\u202d\u202e`,
		"\u2066\u2067\u2068\u2069":       `\u2066\u2067\u2068\u2069`,
		"\u200e\u200f\u061c":             `\u200e\u200f\u061c`,
		"\x1b[2J\x07\x00\x7f":            `\u001b[2J\u0007\u0000\u007f`,
		"a\x9bb\xffc":                    `a\ufffdb\ufffdc`,
		"\u00a0\u2027\u2030":             "\u00a0\u2027\u2030",
	} {
		for size := 1; size <= len(text); size++ { // in pieces of every size
			var out bytes.Buffer
			w := safetext.NewWriter(&out)
			for at := 0; at < len(text); at += size {
				piece := text[at:min(at+size, len(text))]
				if n, err := w.Write([]byte(piece)); n != len(piece) || err != nil {
					t.Fatal(n, err)
				}
			}
			if out.String() != want {
				t.Errorf("%q in pieces of %d: %q, want %q", text, size, &out, want)
			}
		}
	}
}

func TestWriter_LeavesTheMeaningOfJSON(t *testing.T) {
	const text = "\\a\u0085\\\u202e\"\n\u009b"
	before, err := json.Marshal(map[string]string{text: text})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := safetext.NewWriter(&out).Write(before); err != nil {
		t.Fatal(err)
	}
	var after map[string]string
	if err := json.Unmarshal(out.Bytes(), &after); err != nil || after[text] != text {
		t.Errorf("%v: %q of %q", err, &out, before)
	}
}

func TestCell_IsNoFormula(t *testing.T) {
	for text, want := range map[string]string{
		"=1+1": "'=1+1", "@SUM(1)": "'@SUM(1)", "-2+3": "'-2+3", "+1": "'+1", "\t=1": "'\t=1", "a;=1": "a;'=1",
		"a\n=1": "a\n'=1", "": "", "a-1": "a-1", "536365": "536365", "2026-03-01": "2026-03-01",
	} {
		if got := safetext.Cell(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

package kafka

import (
	"strings"
	"testing"
)

func TestProperties_AreMergedAndEscaped(t *testing.T) {
	text, err := properties(map[string]string{"a": "1", "b": `C:\x`}, map[string]string{"a": "2", "c": "3"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(text), "a=2\nb=C:\\\\x\nc=3\n"; got != want {
		t.Fatalf("properties are %q, want %q", got, want)
	}
}

func TestProperties_ThatWouldBreakTheFileAreRefused(t *testing.T) {
	for _, own := range []map[string]string{{"a": "1\nb=2"}, {"a=b": "1"}, {"a b": "1"}, {"a\n": "1"}} {
		if text, err := properties(map[string]string{}, own); err == nil {
			t.Errorf("%q is written as %q", own, text)
		}
	}
}

func TestLastLines(t *testing.T) {
	text := strings.Repeat("line\n", 3*logTailLines) + "end\n"
	got := string(lastLines([]byte(text)))
	if !strings.HasSuffix(got, "end\n") || strings.Count(got, "\n") > logTailLines {
		t.Fatalf("the tail is %q", got)
	}
}

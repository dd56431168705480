package settings

import (
	"strings"
	"testing"
)

func TestSuggest(t *testing.T) {
	known := []string{"data", "kafka", "listen", "ops-listen"}
	tests := map[string]string{
		"listn": "listen", "Listen": "listen", "ops_listen": "ops-listen", "kafak": "kafka", "dat": "data",
		"opslisten": "ops-listen", "retention": "", "": "",
	}
	for word, want := range tests {
		if want != "" {
			want = `, did you mean "` + want + `"?`
		}
		if got := suggest(word, known); got != want {
			t.Errorf("suggest(%q) = %q, want %q", word, got, want)
		}
	}
}

// The deepest nesting that the size allows must be an error, not a stack overflow that ends the process.
func TestDeepNesting(t *testing.T) {
	for _, unit := range []string{"[", "{a: ", "- ", "? ", "a: {"} {
		_, _ = parseFile("order.yaml", []byte("a: "+strings.Repeat(unit, (maxFile-3)/len(unit))), []string{"a"}, nil)
	}
}

func FuzzParseFile(f *testing.F) {
	for _, text := range []string{
		"workers: 1\nkafka: [a, b]\n", "a:\n- b\n- c\n", "--- \n...\n---\n", "a: |\n  x\n", "<<: *a\n", "? a\n: b\n",
		"%YAML 1.2\n---\na: 1\n",
		"a: &x 1\nb: *x\n", "a: !!str 1\n", "\"a\": 'b'\n", "{a: b}", "# c\n", "a: 1 # c\n",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		_, err := parseFile("order.yaml", []byte(text), []string{"a", "b", "kafka", "workers"}, nil)
		if err != nil && !strings.Contains(err.Error(), "order.yaml") {
			t.Errorf("error %q does not name the file", err)
		}
	})
}

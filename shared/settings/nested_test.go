package settings

import (
	"strings"
	"testing"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// TestNested_KeepsItsLines extracts the value of a nested setting from files of all shapes. The value is the same, and
// its lines have the numbers of the file.
func TestNested_KeepsItsLines(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		line int // of the text "third"
	}{
		"a list": {"zone: UTC\n# about them\nlist: # these\n  - name: first\n\n    # and\n  - name: " +
			"second\n  - name: third\nlisten: x\n", 8},
		"a list at the edge":    {"list:\n- name: first\n- name: third\n\n\n# more\nzone: UTC\n", 3},
		"in brackets":           {"zone: UTC\nlist: [{name: first},\n  {name: third}]\nlisten: x\n", 3},
		"on one line":           {"\n\nlist: [{name: first}, {name: third}]", 3},
		"the last":              {"zone: \"ü\"\nlist:\n    -   name: first\n    -   name: third", 4},
		"with a byte mark":      {"\ufefflist:\n- name: third\n", 2},
		"with carriage returns": {"zone: UTC\r\nlist:\r\n- name: first\r\n- name: third\r\n", 4},
		"as a text":             {"zone: UTC\nlist: |\n  - name: first\n  - name: third\n", 4},
		"as a quoted text":      {"zone: UTC\nlist: \"- name: first\\n- name: third\"\n", 3},
	} {
		entries, err := parseFile("x.yaml", []byte(c.file), []string{"list", "listen", "zone"}, []string{"list"})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text := entries["list"].text
		tree, err := parser.ParseBytes([]byte(text), 0)
		if err != nil {
			t.Errorf("%s: %v: %q", name, err, text)
			continue
		}
		list, ok := tree.Docs[0].Body.(*ast.SequenceNode)
		if !ok {
			t.Errorf("%s: it is no list: %q", name, text)
			continue
		}
		last := list.Values[len(list.Values)-1]
		if got := last.String(); strings.TrimSpace(got) != "name: third" && got != "{name: third}" {
			t.Errorf("%s: the last is %q", name, got)
		}
		if at := strings.Count(text[:strings.Index(text, "third")], "\n") + 1; at != c.line {
			t.Errorf("%s: it is on line %d, want %d: %q", name, at, c.line, text)
		}
	}
}

package docs_test

import (
	"os"
	"strings"
	"testing"

	"ordertally/activity/measure"
)

// docs/reference/measures.md is made by build/measuresdoc.
func TestDocuments_ListEveryKindOfMeasure(t *testing.T) {
	text, err := os.ReadFile("../../docs/reference/measures.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range measure.Kinds() {
		for _, want := range append(kind.Usage(), kind.Says) {
			if !strings.Contains(string(text), want) {
				t.Errorf("docs/reference/measures.md lacks %q: run `make generate`", want)
			}
		}
	}
}

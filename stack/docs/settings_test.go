package docs_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ordertally/shared/event"
)

var (
	flagsNamed     = regexp.MustCompile("[ `(]--([a-z][a-z0-9-]*[a-z0-9])")
	variablesNamed = regexp.MustCompile(`\b(?:ORDER|ACTIVITY)_[A-Z_]*[A-Z]\b`)
)

// eventTypes look like names of variables but are not.
var eventTypes = append(slices.Collect(maps.Keys(event.Types())), "ORDER_REFUNDED", "ORDER_HELD")

// TestDocuments_NameSettingsThatExist checks the settings named in the documents against the list that the programs
// print.
func TestDocuments_NameSettingsThatExist(t *testing.T) {
	known := ""
	for _, list := range []string{"settings.md", "commands.md"} {
		text, err := os.ReadFile("../../docs/reference/" + list)
		if err != nil {
			t.Fatal(err)
		}
		known += string(text)
	}
	others := []string{ // flags of docker, curl, kafka-acls, rclone, restic and others
		"rm", "cacert", "resource-pattern-type", "help", "include", "immutable", "repo", "exclude", "keep-daily",
		"keep-monthly", "prune", "port", "service",
	}
	named := 0
	for path, text := range documents(t) {
		if path == "CHANGELOG.md" || path == "docs/reference/settings.md" {
			continue // what was, and what is made
		}
		for _, found := range flagsNamed.FindAllStringSubmatch(text, -1) {
			named++
			flag, group := "`--"+found[1]+"`", "`--"+found[1]+"-" // as in --ops-tls-...
			if !strings.Contains(known, flag) && !strings.Contains(known, group) && !slices.Contains(others, found[1]) {
				t.Errorf("%s names --%s, which no program has", path, found[1])
			}
		}
		for _, variable := range variablesNamed.FindAllString(text, -1) {
			named++
			if !strings.Contains(known, "`"+variable+"`") && !slices.Contains(eventTypes, variable) {
				t.Errorf("%s names %s, which no program reads", path, variable)
			}
		}
	}
	if named < 50 {
		t.Errorf("only %d settings are named: what are they looked for by?", named)
	}
}

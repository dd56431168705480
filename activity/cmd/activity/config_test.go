package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ordertally/shared/settings"
)

// TestConfigCheck_NamesEachFaultOfTheFile checks a file with faults in two activities. Each fault is named with its
// line.
func TestConfigCheck_NamesEachFaultOfTheFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "activity.yaml")
	text := "zone: UTC\n\nactivities: # ours\n  - name: PAID\n    topic: a b\n    time: paid.ts unit=hours\n\n  - " +
		"name: SHIPPED\n    topic: ship\n    dimensions: {line: lines}\n    measures: {n: sum(lines.n)}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	err := run([]string{"config", "check", "--config", file, "--data", filepath.Join(dir, "x.db")})
	if settings.ExitCode(err) != settings.ExitUsage {
		t.Fatalf("exit code %d, %v", settings.ExitCode(err), err)
	}
	for _, want := range []string{
		`activities: line 5, PAID: topic: "a b"`, `activities: line 6, PAID: time: "unit=hours"`,
		`activities: line 10, SHIPPED: dimensions: line: lines holds objects, by lines.n`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it does not say %s:\n%v", want, err)
		}
	}
}

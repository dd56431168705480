package main

import (
	"strings"
	"testing"

	"ordertally/shared/settings"
)

func TestRun_RefusalsNameTheFlagAndWhatIsAllowed(t *testing.T) {
	for _, tc := range []struct {
		line, says string
	}{
		{"ls --limit 500", "--limit: 500 is not between 1 and 200\nsee order ls --help"},
		{"ls --status wrong", `--status must be one of "placed","cancelled" but got "wrong"`},
		{"ls --source shop", "--source needs --reference"},
		{"ls --placed-from yesterday", `--placed-from: "yesterday" is no time: want a day such as`},
		{"ls --all -o json", "take -o ndjson"},
		{"status --every 1ms", "--every: 1ms is not between 100ms and 1h"},
		{"place no-such-file.json", "no-such-file.json"},
		{"check --data no-such-file.db", "--data: stat no-such-file.db"},
		{"completion tcsh", `<shell> must be one of "bash","zsh","fish"`},
		{"gte", `did you mean "get"?`},
	} {
		err := run(strings.Fields(tc.line))
		if settings.ExitCode(err) != settings.ExitUsage || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: exit code %d, %v", tc.line, settings.ExitCode(err), err)
		}
	}
}

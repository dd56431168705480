package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ordertally/shared/settings"
)

func TestRun_ExitCodes(t *testing.T) {
	inUse := filepath.Join(t.TempDir(), "is-a-directory")
	if err := os.Mkdir(inUse, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		want int
		says string
	}{
		{[]string{"--version"}, settings.ExitDone, ""},
		{[]string{"serve", "--help"}, settings.ExitDone, ""},
		{[]string{}, settings.ExitUsage, "serve"},
		{[]string{"server"}, settings.ExitUsage, "serve"},
		{[]string{"serve", "--port", "1"}, settings.ExitUsage, "--port"},
		{[]string{"serve", "--listen", "8090"}, settings.ExitUsage, "listen"},
		{[]string{"serve", "--dedup-retention", "14"}, settings.ExitUsage, "dedup-retention"},
		{[]string{"serve", "--data", inUse}, settings.ExitFailed, inUse},
		{[]string{"skip", "--partition", "1", "--offset", "2"}, settings.ExitUsage, "--reason"},
		{[]string{"skip", "--partition", "1", "--offset", "2", "--reason", " "}, settings.ExitUsage, "--reason"},
		{[]string{"skip", "--partition", "1", "--offset", "2", "--to", "1", "--reason", "r"}, settings.ExitUsage,
			"--to"},
		{[]string{"skip", "--partition", "1", "--offset", "2", "--reason", "r", "--data",
			filepath.Join(inUse, "none.db")}, settings.ExitFailed, "none.db"},
		{[]string{"parked", "ls", "--target", "ftp://me:sesame@x"}, settings.ExitUsage, `--target: "ftp://me:xxxxx@x"`},
		{[]string{"parked", "ls", "--target", "http://me:sesame@x y"}, settings.ExitUsage, `--target: "[redacted]"`},
	} {
		err := run(c.args)
		if code := settings.ExitCode(err); code != c.want || c.says != "" && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: exit code %d, %v", c.args, code, err)
		}
	}
}

package settings_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ordertally/shared/settings"
)

func TestAddresses(t *testing.T) {
	for value, good := range map[string]bool{
		"127.0.0.1:8080": true, ":0": true, "[::1]:65535": true, "kafka-1:9092": true, "localhost:http": true,
		"8080": false, "localhost": false, "::1:80": false, "127.0.0.1:65536": false, "127.0.0.1:-1": false,
		"127.0.0.1:nonsense-port": false,
	} {
		if err := settings.CheckHostPort(value); (err == nil) != good || err != nil &&
			!strings.Contains(err.Error(), `"`+value+`" is not HOST:PORT`) {
			t.Errorf("%s: %v", value, err)
		}
	}
}

func TestFilesThatCouldBeWritten(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := os.WriteFile(there, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	links := t.TempDir()
	link := func(name, target string) string {
		path := filepath.Join(links, name)
		if err := os.Symlink(target, path); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, tc := range []struct{ path, want string }{
		{link("good", filepath.Join(dir, "new")), ""},
		{link("near", "new"), ""},
		{link("chain", "near"), ""},
		{link("dangling", filepath.Join(dir, "none", "new")),
			"the directory " + filepath.Join(dir, "none") + " does not exist: make it"},
		{link("ring", "ring"), "too many levels"},
		{filepath.Join(dir, "new"), ""},
		{filepath.Join(dir, "none", "new"), "the directory " + filepath.Join(dir, "none") + " does not exist: make it"},
		{dir, dir + " is a directory: name a file in it"},
		{filepath.Join(there, "new"), "not a directory"},
		{there, ""},
	} {
		err := settings.CheckFile(tc.path)
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.path, err, tc.want)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
		t.Errorf("checking made files: %v, %v", entries, err)
	}
}

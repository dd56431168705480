package docs_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// machine is what build/ready finds on a machine. An empty program is missing.
type machine struct {
	goProgram, cc string
	env           []string
}

// A Go that is good enough, and a compiler that works.
const (
	goodGo = `case "$2" in GOVERSION) echo go1.99.1 ;; CC) echo cc ;; esac`
	goodCC = `while [ $# -gt 0 ]; do [ "$1" != -o ] || echo built >"$2"; shift; done`
)

func ready(t *testing.T, m machine, args ...string) (said string, err error) {
	t.Helper()
	path := t.TempDir()
	for _, tool := range []string{"sh", "awk", "sed", "tr", "cat", "mktemp", "dirname", "rm"} {
		at, err := exec.LookPath(tool)
		if err == nil {
			err = os.Symlink(at, filepath.Join(path, tool))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, script := range map[string]string{"go": m.goProgram, "cc": m.cc} {
		if script == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join(path, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command("../../build/ready", args...)
	command.Env = append([]string{"PATH=" + path, "TMPDIR=" + t.TempDir()}, m.env...)
	output, err := command.CombinedOutput()
	return string(output), err
}

// TestReady_SaysInOneLineWhatIsMissing before anything is built.
func TestReady_SaysInOneLineWhatIsMissing(t *testing.T) {
	good := machine{goProgram: goodGo, cc: goodCC}
	// 1.9 is below 1.26, and a Go that could not fetch the one that go.mod names has no version to tell.
	old := `[ "$PWD" = / ] && echo go1.21.4 || exit 1`
	for name, c := range map[string]struct {
		machine machine
		want    []string
	}{
		"nothing":        {good, nil},
		"Go":             {machine{cc: goodCC}, []string{"Go is missing", "install Go 1.26", "https://go.dev/dl/"}},
		"a newer Go":     {machine{goProgram: "echo go1.9.7", cc: goodCC}, []string{"is 1.9.7", "install Go 1.26"}},
		"a Go to be had": {machine{goProgram: old, cc: goodCC}, []string{"is 1.21.4", "install Go 1.26"}},
		"a compiler": {machine{goProgram: goodGo},
			[]string{"C compiler", "apt-get install gcc", "xcode-select"}},
		"the C headers":     {machine{goProgram: goodGo, cc: "exit 1"}, []string{"C compiler", "libc6-dev"}},
		"a release of 1.26": {machine{goProgram: strings.Replace(goodGo, "1.99.1", "1.26rc2", 1), cc: goodCC}, nil},
	} {
		t.Run(name, func(t *testing.T) { checkReady(t, c.machine, c.want) })
	}
}

func checkReady(t *testing.T, m machine, want []string, args ...string) {
	t.Helper()
	said, err := ready(t, m, args...)
	if want == nil {
		if err != nil || said != "" {
			t.Errorf("%v: %s", err, said)
		}
		return
	}
	if err == nil || strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "make: ") {
		t.Errorf("%v, not in one line: %s", err, said)
	}
	for _, part := range want {
		if !strings.Contains(said, part) {
			t.Errorf("it does not say %q: %s", part, said)
		}
	}
}

// TestReady_SaysWhichPortIsInUse of those that `ordertally dev` will listen on.
func TestReady_SaysWhichPortIsInUse(t *testing.T) {
	good := machine{goProgram: goodGo, cc: goodCC}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	busy := []string{"port " + port + " is in use", "lsof -i :" + port, "make run ARGS='--activity-listen :0'"}
	config := filepath.Join(t.TempDir(), "dev.yaml")
	if err := os.WriteFile(config, fmt.Appendf(nil, "activity-listen: %q # ours\n", ":"+port), 0o600); err != nil {
		t.Fatal(err)
	}
	// All others are free, whatever listens on this machine.
	free := []string{"--order-listen=:0", "--order-ops-listen", "127.0.0.1:0", "--activity-ops-listen=:0",
		"--kafka-listen=:0"}
	variable := good
	variable.env = []string{"ORDERTALLY_ACTIVITY_LISTEN=127.0.0.1:" + port}
	for name, c := range map[string]struct {
		machine machine
		args    []string
		want    []string
	}{
		"flag":               {good, []string{"--activity-listen", ":" + port}, busy},
		"flag with a sign":   {good, []string{"--activity-listen=127.0.0.1:" + port}, busy},
		"all addresses":      {good, []string{"--activity-listen=0.0.0.0:" + port}, busy},
		"variable":           {variable, nil, busy},
		"file":               {good, []string{"--config", config}, busy},
		"flag before others": {variable, []string{"--activity-listen", ":0", "--config", config}, nil},
		"any that is free":   {good, []string{"--activity-listen", ":0"}, nil},
		"another address":    {good, []string{"--activity-listen", "127.0.0.2:" + port}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			checkReady(t, c.machine, c.want, append(append([]string{"run"}, free...), c.args...)...)
		})
	}
}

package e2e_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/stack/stacktest"
)

// steps finds what a page of docs/operate tells to run: its fenced blocks of shell commands, and comments such as
// <!-- test: start order -->, which readers do not see.
var steps = regexp.MustCompile("(?s)```sh\n(.*?)```|<!-- test: (.*?) -->")

// prologue has the commands of the comments.
const prologue = `set -euo pipefail
start() { # a service, with more arguments
	"$1" serve "${@:2}" >>"$1.log" 2>&1 &
	echo $! >"$1.pid"
	until "$1" healthcheck >/dev/null 2>&1; do kill -0 "$(cat "$1.pid")" || { cat "$1.log"; exit 1; }; done
}
stop() { kill "$(cat "$1.pid")"; wait "$(cat "$1.pid")"; }
end() { kill -9 "$(cat "$1.pid")"; wait "$(cat "$1.pid")" || true; }
lose() { end "$1"; rm "$1.db"; } # a service and its disk
place() { order import "$ORDERS/$1" >/dev/null; } # the orders of a file
counted() { until activity verify --orders "$ORDER_TARGET" >/dev/null; do :; done; }
trap 'kill -9 $(jobs -p) 2>/dev/null || true' EXIT
`

// TestOperate_PagesRunAsTheyAreWritten runs the commands of each page of docs/operate, from the first to the last, with
// both services and a broker. The services are on PATH and have their defaults, but for the addresses.
func TestOperate_PagesRunAsTheyAreWritten(t *testing.T) {
	pages, err := filepath.Glob("../../docs/operate/*.md")
	if err != nil || len(pages) == 0 {
		t.Fatal("no pages", err)
	}
	order, activity := stacktest.Programs(t)
	samples, err := filepath.Abs("../../testdata/online-retail")
	if err != nil {
		t.Fatal(err)
	}
	for _, page := range pages {
		t.Run(filepath.Base(page), func(t *testing.T) {
			text, err := os.ReadFile(page)
			if err != nil {
				t.Fatal(err)
			}
			var script strings.Builder
			script.WriteString(prologue)
			commands := 0
			for _, step := range steps.FindAllStringSubmatch(string(text), -1) {
				if step[1] != "" {
					commands++
				}
				script.WriteString(step[1] + step[2] + "\n")
			}
			if commands == 0 {
				return // a page without shell blocks, such as the one on containers
			}
			broker := devbrokertest.Start(t, devbroker.Config{DataDir: t.TempDir()}).Addr()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
			defer cancel()
			run := exec.CommandContext(ctx, "bash", "-xc", script.String())
			run.Dir = t.TempDir()
			env := map[string]string{
				"PATH":   filepath.Dir(order) + ":" + filepath.Dir(activity) + ":" + os.Getenv("PATH"),
				"ORDERS": samples, "ORDER_KAFKA": broker, "ACTIVITY_KAFKA": broker,
			}
			for _, service := range []string{"ORDER", "ACTIVITY"} {
				listen, ops := stacktest.FreePort(t), stacktest.FreePort(t)
				env[service+"_LISTEN"], env[service+"_OPS_LISTEN"] = listen, ops
				env[service+"_TARGET"] = "http://" + listen
			}
			run.Env = os.Environ()
			for name, value := range env {
				run.Env = append(run.Env, name+"="+value)
			}
			said, err := run.CombinedOutput()
			if err != nil {
				t.Fatalf("%v\n%s", err, said)
			}
			t.Logf("%d blocks", commands)
		})
	}
}

package e2e_test

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/stack/stacktest"
)

// together are documents that share one stack, in this order. Each other document has a stack of its own.
var together = [][]string{
	{"README.md", "docs/quickstart.md", "docs/integrate.md", "docs/activities.md"},
	{"docs/operate/run.md", "docs/operate/monitor.md", "docs/operate/security.md"},
}

// maxNotRun is how many blocks may be marked as not run, with a reason. It only goes down.
const maxNotRun = 10

// prologue gives the commands of the documents their meaning in a test: a service runs in the background and is stopped
// before it starts again, and `make run` is what it is in the Makefile. Readers do not see the other functions, which
// the comments of the documents use.
const prologue = `set -euo pipefail
running() { [ -e "$1.pid" ] && kill -0 "$(cat "$1.pid")" 2>/dev/null; }
launch() { # a name, then a command: it runs in the background under that name
	stop "$1"
	"${@:2}" >>"$1.log" 2>&1 &
	echo $! >"$1.pid"
}
await() { # a service
	until command "$1" healthcheck --check readyz >/dev/null 2>&1; do
		running "$2" || { cat "$2.log"; exit 1; }
	done
}
start() { # a service, with more arguments
	launch "$1" "$(type -P "$1")" serve "${@:2}"
	await "$1" "$1"
}
stop() { if running "$1"; then kill "$(cat "$1.pid")"; wait "$(cat "$1.pid")" || [ $? = 143 ]; fi; }
end() { kill -9 "$(cat "$1.pid")"; wait "$(cat "$1.pid")" || true; }
lose() { end "$1"; rm "$1.db"; } # a service and its disk
place() { command order import "$ORDERS/$1" >/dev/null; } # the orders of a file
counted() { # all orders; verify does not compare those that are not published yet
	local waits='"pending": ?[1-9]'
	until report=$(command activity verify --orders "$ORDER_TARGET" -o json) && ! [[ "$report" =~ $waits ]]; do :; done
}
order() { if [ "${1:-}" = serve ]; then start order "${@:2}"; else command order "$@"; fi; }
activity() { if [ "${1:-}" = serve ]; then start activity "${@:2}"; else command activity "$@"; fi; }
ordertally() {
	[ "${1:-}" = dev ] || { command ordertally "$@"; return; }
	launch dev "$(type -P ordertally)" "$@" --order-listen "$ORDER_LISTEN" --order-ops-listen "$ORDER_OPS_LISTEN" \
		--activity-listen "$ACTIVITY_LISTEN" --activity-ops-listen "$ACTIVITY_OPS_LISTEN" --kafka-listen "$ORDER_KAFKA"
	await order dev
	await activity dev
}
curl() { command curl --no-progress-meter --fail-with-body "$@" || [ $? -eq "${refused:-0}" ]; } # 22 if it is refused
make() { # the programs are built
	case "$*" in
	build) ;;
	run) running dev || ordertally dev ;;
	*) command make "$@" ;;
	esac
}
trap 'kill -9 $(jobs -p) 2>/dev/null || true' EXIT
`

// TestDocuments_RunAsTheyAreWritten runs the commands of each document, from the first to the last. The programs are on
// PATH and have their defaults, but for the addresses.
func TestDocuments_RunAsTheyAreWritten(t *testing.T) {
	if _, err := exec.LookPath("kcat"); err != nil {
		const missing = "kcat is missing: install the Debian package kcat"
		if os.Getenv("REQUIRE_ALL") == "1" {
			t.Fatal("REQUIRE_ALL=1, and " + missing)
		}
		t.Skip("SKIPPED: " + missing)
	}
	groups := slices.Clone(together)
	for _, document := range documents(t) {
		if !slices.ContainsFunc(together, func(group []string) bool { return slices.Contains(group, document) }) {
			groups = append(groups, []string{document})
		}
	}
	ran, notRun := 0, 0
	for _, group := range groups {
		var script strings.Builder
		commands := 0
		for _, document := range group {
			text, err := os.ReadFile(filepath.Join("../..", document))
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&script, "echo '== %s'\n", document)
			for _, step := range stepsOf(string(text)) {
				switch {
				case step.notRun != "":
					notRun++
					t.Logf("not run, in %s: %s", document, step.notRun)
				case step.file != "":
					fmt.Fprintf(&script, "cat >%s <<'END_OF_FILE'\n%sEND_OF_FILE\n", step.file, step.text)
				default:
					script.WriteString(step.text + "\n")
					if step.shown {
						commands++
					}
				}
			}
		}
		if ran += commands; commands > 0 {
			t.Run(filepath.Base(group[0]), func(t *testing.T) { runScript(t, script.String()) })
		}
	}
	t.Logf("%d blocks run, %d not run", ran, notRun)
	if ran < 40 || notRun > maxNotRun {
		t.Errorf("%d blocks run and %d not run", ran, notRun)
	}
}

// documents lists all Markdown files but those below testdata.
func documents(t *testing.T) (paths []string) {
	t.Helper()
	err := filepath.WalkDir("../..", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() && (entry.Name() == "testdata" || strings.HasPrefix(entry.Name(), ".git")) {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".md") {
			paths = append(paths, filepath.ToSlash(strings.TrimPrefix(path, "../../")))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// step is something that a document tells to run.
type step struct {
	text   string
	shown  bool   // to readers: a fenced block
	file   string // that the block is the content of
	notRun string // why not
}

// stepsOf finds the fenced blocks of shell commands, and what these comments say about them:
//
//	<!-- test: start order -->  runs commands that readers do not see
//	<!-- file: a.yaml -->       writes the block that follows to a file
//	<!-- ID: order ls -->       prints what stands for the word ID in the block that follows
//	<!-- not run: REASON -->    leaves out the block that follows
func stepsOf(text string) (steps []step) {
	var next step
	var block []string
	fence, indent := "", 0
	for line := range strings.Lines(text) {
		trimmed := strings.TrimSpace(line)
		mark, value, isMark := strings.Cut(strings.TrimSuffix(strings.TrimPrefix(trimmed, "<!-- "), " -->"), ": ")
		switch {
		case fence == "" && strings.HasPrefix(trimmed, "```"):
			fence, indent, block = trimmed, strings.Index(line, "`"), nil
		case fence != "" && trimmed == "```":
			id := cmp.Or(next.text, "ID")
			if next.text = strings.Join(block, ""); fence == "```sh" || next.file != "" {
				next.text, next.shown = strings.ReplaceAll(next.text, " ID", " "+id), true
				steps = append(steps, next)
			}
			fence, next = "", step{}
		case fence != "":
			block = append(block, line[min(indent, len(line)-1):])
		case !isMark || !strings.HasPrefix(trimmed, "<!-- "):
		case mark == "test":
			steps = append(steps, step{text: value})
		case mark == "file":
			next.file = value
		case mark == "ID":
			steps = append(steps, step{text: "ID=$(" + value + ")"})
			next.text = "$ID"
		case mark == "not run":
			next.notRun = value
		}
	}
	return steps
}

// runScript runs commands with a broker, and with the addresses that the documents name replaced by free ones.
func runScript(t *testing.T, script string) {
	t.Helper()
	order, activity := stacktest.Programs(t)
	tally := stacktest.DevProgram(t)
	samples, err := filepath.Abs("../../testdata/online-retail")
	if err != nil {
		t.Fatal(err)
	}
	broker := stacktest.FreePort(t)
	if !strings.Contains(script, "make run") {
		broker = devbrokertest.Start(t, devbroker.Config{DataDir: t.TempDir()}).Addr()
	}
	env := map[string]string{
		"PATH": strings.Join([]string{filepath.Dir(order), filepath.Dir(activity), filepath.Dir(tally),
			os.Getenv("PATH")}, ":"),
		"ORDERS": samples, "ORDER_KAFKA": broker, "ACTIVITY_KAFKA": broker,
	}
	addresses := []string{"127.0.0.1:9092", broker}
	for service, ports := range map[string][2]string{"ORDER": {"8080", "8081"}, "ACTIVITY": {"8090", "8091"}} {
		listen, ops := stacktest.FreePort(t), stacktest.FreePort(t)
		env[service+"_LISTEN"], env[service+"_OPS_LISTEN"] = listen, ops
		env[service+"_TARGET"] = "http://" + listen
		addresses = append(addresses, "127.0.0.1:"+ports[0], listen, "127.0.0.1:"+ports[1], ops)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	run := exec.CommandContext(ctx, "bash", "-xc", prologue+strings.NewReplacer(addresses...).Replace(script))
	run.Dir = t.TempDir()
	run.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // so that a script that hangs ends with all that it started
	run.Cancel = func() error { return syscall.Kill(-run.Process.Pid, syscall.SIGKILL) }
	run.Env = os.Environ()
	for name, value := range env {
		run.Env = append(run.Env, name+"="+value)
	}
	if said, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said[max(0, len(said)-8<<10):])
	}
}

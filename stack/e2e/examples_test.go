package e2e_test

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ordertally/shared/clock/clocktest"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/stack/stacktest"
)

// ran are the verbs whose examples are run, in this order. The others need stopped services, messages in trouble or
// whole disks. The tests of the programs read their examples.
var ran = []string{
	"order import", "order place", "order get", "order ls", "order status", "order trace", "order cancel",
	"order republish", "order outbox ls", "order outbox export", "order keys ls", "order config print",
	"order healthcheck", "order backup", "order check",
	"activity day", "activity days", "activity ls", "activity status", "activity incidents", "activity parked ls",
	"activity parked export",
	"activity late ls", "activity late export", "activity conflicts ls", "activity conflicts export",
	"activity verify", "activity keys ls", "activity config print", "activity healthcheck", "activity backup",
	"activity check",
}

// TestHelp_ExamplesWorkAsTheyStand runs the examples that --help shows, with bash, against both services. Addresses and
// ids are put in. Those with --watch are ended as with Ctrl-C.
func TestHelp_ExamplesWorkAsTheyStand(t *testing.T) {
	order, activity := stacktest.Programs(t)
	dev := devbrokertest.Start(t, devbroker.Config{})
	s := stacktest.StartServices(t, t.TempDir(), dev.Addr())
	dir := t.TempDir()
	for _, day := range stacktest.RealFiles(t)[:2] {
		text, err := os.ReadFile(day)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(day)), text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	const one = `{"currency":"GBP","reference":"r-1","lines":[{"sku":"85123A","quantity":6,"unit_price":255}]}`
	if err := os.WriteFile(filepath.Join(dir, "order.json"), []byte(one), 0o600); err != nil {
		t.Fatal(err)
	}
	var placed struct{ ID string }
	response, err := http.Post(s.OrderURL()+"/v1/orders", "application/json", strings.NewReader(one))
	if err != nil {
		t.Fatal(err)
	}
	err = json.NewDecoder(response.Body).Decode(&placed)
	_ = response.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	env := append(os.Environ(), "PATH="+filepath.Dir(order)+":"+os.Getenv("PATH"), "ORDER_TARGET="+s.OrderURL(),
		"ORDER_ACTIVITY_TARGET="+s.ActivityURL(), "ACTIVITY_TARGET="+s.ActivityURL(),
		"ORDER_OPS_LISTEN="+s.Addresses.OrderOps, "ACTIVITY_OPS_LISTEN="+s.Addresses.ActivityOps)
	puts := strings.NewReplacer("http://127.0.0.1:8080", s.OrderURL(), "http://127.0.0.1:8090", s.ActivityURL(),
		"01890a5d-ac96-774b-8000-a8b45f0c6d21", placed.ID)
	run := func(line string) (said string, err error) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if strings.Contains(line, "--watch") {
			line = "timeout --foreground --preserve-status --signal=INT 0.5 " + line // one signal, not two
		}
		command := exec.CommandContext(ctx, "bash", "-c", line)
		command.Dir, command.Env = dir, env
		text, err := command.CombinedOutput()
		return string(text), err
	}
	clocktest.Eventually(t, "the order is counted", func() bool {
		said, err := run("activity verify --orders " + s.OrderURL())
		return err == nil && strings.HasPrefix(said, "1 published order on 1 day")
	})
	lines := 0
	for _, verb := range ran {
		for _, line := range examples(t,
			map[bool]string{true: order, false: activity}[strings.HasPrefix(verb, "order ")],
			strings.Fields(verb)[1:]) {
			if strings.HasSuffix(line, ".db") { // of a stopped service
				continue
			}
			lines++
			if said, err := run(puts.Replace(line)); err != nil {
				t.Errorf("%s: %v\n%s", line, err, said)
			}
		}
		if verb == "order republish" {
			clocktest.Eventually(t, "all is counted", func() bool {
				_, err := run("activity verify --orders " + s.OrderURL())
				return err == nil
			})
		}
	}
	t.Logf("%d examples of %d verbs were run", lines, len(ran))
	for file, begins := range map[string]string{"orders.csv": "id,placed_at,", "weeks.csv": "week,count,customers,"} {
		if text, err := os.ReadFile(filepath.Join(dir, file)); err != nil || !strings.HasPrefix(string(text), begins) {
			t.Errorf("%s: %v, %.100s", file, err, text)
		}
	}
}

// examples returns the lines that --help shows of a verb, without comments.
func examples(t *testing.T, program string, verb []string) (lines []string) {
	t.Helper()
	help, code := stacktest.Command(t, nil, program, append(verb, "--help")...)
	_, text, found := strings.Cut(help, "\nExamples:\n\n")
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "    ") {
			break
		}
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	if code != 0 || !found || len(lines) == 0 {
		t.Errorf("%s %v --help has no examples:\n%s", filepath.Base(program), verb, help)
	}
	return lines
}

package e2e_test

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"ordertally/activity/activitystore"
	"ordertally/order/orderstore"
	"ordertally/shared/auth"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/stack/stacktest"
)

// schemathesisVersion is the version that .ci/run installs. Others may find other things.
const schemathesisVersion = "4.32.5"

// keyIn makes a key of all scopes in a file that no service has open.
func keyIn(t *testing.T, path string, format boltdb.Format) (credential string) {
	t.Helper()
	db, err := boltdb.Open(path, boltdb.Options{Format: format})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	keys, err := auth.OpenKeys(t.Context(), db, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	_, credential, err = keys.New(t.Context(), "schemathesis", auth.Scopes(), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return credential
}

var casesPattern = regexp.MustCompile(`(?m)^\s*(\d+) generated`)

// TestAPIs_AnswerSchemathesisAsDocumented runs schemathesis with all of its checks against both services and their
// OpenAPI documents. No answer may be a 5xx or undocumented. ORDERTALLY_SCHEMATHESIS is the least number of cases for
// each service, 500 by default.
func TestAPIs_AnswerSchemathesisAsDocumented(t *testing.T) {
	program := toolFromPyPI(t, "schemathesis", "SCHEMATHESIS", schemathesisVersion)
	wanted := 500
	if text := os.Getenv("ORDERTALLY_SCHEMATHESIS"); text != "" {
		var err error
		if wanted, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	dev := devbrokertest.Start(t, devbroker.Config{})
	dir := t.TempDir()
	orderKey := keyIn(t, filepath.Join(dir, "order.db"), orderstore.Format)
	activityKey := keyIn(t, filepath.Join(dir, "activity.db"), activitystore.Format)
	s := stacktest.StartServices(t, dir, dev.Addr())
	for range 5 {
		stacktest.PlaceWithKey(t, s.OrderURL(), orderKey)
	}
	for _, api := range []struct{ name, url, key string }{{"order", s.OrderURL(), orderKey},
		{"activity", s.ActivityURL(), activityKey}} {
		t.Run(api.name, func(t *testing.T) {
			total := 0
			for seed := 1; total < wanted; seed++ {
				total += generated(t, program, api.url, api.key, seed, wanted-total)
				if status := getAs(t, api.url+"/v1/keys", api.key); status != http.StatusOK {
					t.Fatalf("after that the service answers %d to the key: it asked with one that is no good any more",
						status)
				}
			}
			t.Logf("%d cases", total)
		})
	}
}

// generated runs schemathesis once and returns how many cases it made.
func generated(t *testing.T, program, url, key string, seed, wanted int) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Minute)
	defer cancel()
	examples := min(max(wanted/40, 5), 200) // of each operation and phase
	config, err := filepath.Abs("testdata/schemathesis.toml")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, program, "--config-file", config, "run",
		url+"/openapi.json", "--checks", "all", "--max-examples", strconv.Itoa(examples),
		"--seed", strconv.Itoa(seed), "--no-color", "-H", "Authorization: Bearer "+key)
	cmd.Dir = t.TempDir() // it keeps what it found in the working directory
	out, err := cmd.CombinedOutput()
	text := strings.ReplaceAll(string(out), key, "KEY")
	found := casesPattern.FindStringSubmatch(text)
	if err != nil || found == nil {
		t.Fatalf("schemathesis, seed %d: %v\n%s", seed, err, shortened(text))
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// getAs asks with a credential, and returns the status.
func getAs(t *testing.T, url, credential string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	auth.SetBearer(r, credential)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// shortened keeps the log readable: schemathesis quotes requests of any length.
func shortened(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if len(line) > 300 {
			line = line[:300] + "...\n"
		}
		b.WriteString(line)
	}
	return b.String()
}

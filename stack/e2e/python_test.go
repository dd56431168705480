package e2e_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"ordertally/activity/activitystore"
	"ordertally/order/orderstore"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/stack/stacktest"
)

// pythonClientVersion is the version of openapi-python-client that .ci/run installs.
const pythonClientVersion = "0.29.1"

// TestPythonClient_IsMadeFromTheDocuments makes clients in Python from the documents that running services serve, and
// places, shows, lists and cancels an order and reads its day with them.
func TestPythonClient_IsMadeFromTheDocuments(t *testing.T) {
	generator := toolFromPyPI(t, "openapi-python-client", "OPENAPI_PYTHON_CLIENT", pythonClientVersion)
	dev := devbrokertest.Start(t, devbroker.Config{})
	dir := t.TempDir()
	orderKey := keyIn(t, filepath.Join(dir, "order.db"), orderstore.Format)
	activityKey := keyIn(t, filepath.Join(dir, "activity.db"), activitystore.Format)
	s := stacktest.StartServices(t, dir, dev.Addr())

	config := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(config, []byte("post_hooks: []\n"), 0o600); err != nil { // nobody reads the code
		t.Fatal(err)
	}
	// It knows no answer of many lines of JSON, and leaves out what it does not know.
	known := regexp.MustCompile(`(?m)^WARNING parsing (POST /v1/orders(/republish|:batch)|GET /v1/\S+/export) `)
	for name, url := range map[string]string{"order_client": s.OrderURL(), "activity_client": s.ActivityURL()} {
		output, err := exec.CommandContext(t.Context(), generator, "generate", "--url", url+"/openapi.json", "--meta",
			"none",
			"--config", config, "--output-path", filepath.Join(dir, name)).CombinedOutput()
		if err != nil {
			t.Fatalf("make %s: %v\n%s", name, err, output)
		}
		warnings := regexp.MustCompile(`(?m)^(WARNING|ERROR).*`)
		if all, few := warnings.FindAll(output, -1), known.FindAll(output, -1); len(all) != len(few) {
			t.Errorf("%s leaves out: %q", name, all)
		}
	}

	program, err := filepath.Abs("testdata/client.py")
	if err != nil {
		t.Fatal(err)
	}
	python := exec.CommandContext(t.Context(), filepath.Join(filepath.Dir(generator), "python3"), program, s.OrderURL(),
		s.ActivityURL(), orderKey, activityKey)
	python.Env = append(os.Environ(), "PYTHONPATH="+dir, "PYTHONDONTWRITEBYTECODE=1")
	output, err := python.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
}

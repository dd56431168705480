package tracing_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"ordertally/shared/service/telemetry/tracing"
)

// inner tells the test that it is the inner process, whose output the outer one checks.
const inner = "ORDERTALLY_TEST_INNER"

// TestTracing_LogsComplaintsWithoutSecrets runs itself as another process, because the libraries write to the standard
// error that existed at their start.
func TestTracing_LogsComplaintsWithoutSecrets(t *testing.T) {
	if os.Getenv(inner) != "" {
		complain(t)
		return
	}
	for _, protocol := range []string{"http/protobuf", "grpc"} {
		c := exec.Command(os.Args[0], "-test.run=^TestTracing_LogsComplaintsWithoutSecrets$")
		c.Env = append(os.Environ(), inner+"=1", "OTEL_EXPORTER_OTLP_PROTOCOL="+protocol)
		said, err := c.CombinedOutput()
		if err != nil || strings.Contains(string(said), "sesame") {
			t.Errorf("%s: %v\n%s", protocol, err, said)
		}
		logged := map[string]int{}
		for line := range strings.Lines(string(said)) {
			var fields struct{ Level, Complaint, Error string }
			switch err := json.Unmarshal([]byte(line), &fields); {
			case err == nil && fields.Level == "error":
				logged[fields.Complaint+" "+fields.Error]++
			case line != "PASS\n" && !strings.HasPrefix(line, "coverage:"):
				t.Errorf("%s: not of the log: %s", protocol, line)
			}
		}
		for _, want := range []string{
			"parse headers ", "escape header value ", "parse url ", "parse duration ",
			"create tls cert pool failed to append certificate to the cert pool",
		} {
			if logged[want] == 0 {
				t.Errorf("%s: %q is not logged: %v", protocol, want, logged)
			}
		}
	}
}

// complain sets variables that the libraries complain about, with a secret in each.
func complain(t *testing.T) {
	authorities := t.TempDir() + "/ca.pem"
	if err := os.WriteFile(authorities, []byte("open-sesame"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"ENDPOINT": "http://127.0.0.1:1", "TRACES_ENDPOINT": "http://me:open-sesame@a host", "TIMEOUT": "open-sesame",
		"CERTIFICATE": authorities,
		"HEADERS":     "key=open-sesame,open-sesame,open sesame=x,x=open-sesame%ze", "TRACES_HEADERS": "sesame",
	} {
		t.Setenv("OTEL_EXPORTER_OTLP_"+name, value)
	}
	tr, err := tracing.Start(t.Context(), "order", zerolog.New(os.Stderr))
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

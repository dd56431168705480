package broker_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ordertally/shared/broker"
)

func TestASecretIsNotShown(t *testing.T) {
	s := broker.Security{Username: "me", Password: "open-sesame"}
	asJSON, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%+v", s), fmt.Sprintf("%#v", s), fmt.Sprintf("%s %q", s.Password, s.Password), string(asJSON)} {
		if strings.Contains(text, "sesame") || !strings.Contains(text, "redacted") {
			t.Errorf("shown: %s", text)
		}
	}
}

func TestSecuritySettings(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	there, empty, missing := file("there", "x\n"), file("empty", "\n"), filepath.Join(dir, "missing")
	for _, tc := range []struct {
		name string
		s    broker.Security
		want string // "" when it is good
	}{
		{"nothing", broker.Security{}, ""},
		{"TLS", broker.Security{TLS: true, CAFile: there, CertFile: there, KeyFile: there}, ""},
		{"SASL with a file", broker.Security{Mechanism: "plain", Username: "me", PasswordFile: there}, ""},
		{"SASL with the environment", broker.Security{Mechanism: "scram-sha-256", Username: "me", Password: "x"}, ""},
		{"files without TLS", broker.Security{CAFile: there}, "kafka-tls:"},
		{"a certificate without its key", broker.Security{TLS: true, CertFile: there}, "kafka-tls-key-file"},
		{"a file that is not there", broker.Security{TLS: true, CAFile: missing}, "kafka-tls-ca-file"},
		{"a name without a mechanism", broker.Security{Mechanism: "none", Username: "me"}, "kafka-sasl-mechanism"},
		{"a mechanism without a name", broker.Security{Mechanism: "plain", Password: "x"}, "kafka-sasl-username"},
		{"no password", broker.Security{Mechanism: "plain", Username: "me"}, "kafka-sasl-password-file"},
		{"an empty password", broker.Security{Mechanism: "plain", Username: "me", PasswordFile: empty}, "kafka-sasl-password-file"},
	} {
		err := tc.s.Validate("kafka-")
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
}

package kafka_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ordertally/shared/kafka"
	"ordertally/shared/settings/secret"
	"ordertally/shared/settings/tlsfiles/tlstest"
)

func TestSecurity_DoesNotShowASecret(t *testing.T) {
	s := kafka.Security{Username: "me", Password: secret.New("open-sesame")}
	asJSON, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%+v", s), fmt.Sprintf("%#v", s),
		fmt.Sprintf("%s %q", s.Password, s.Password), string(asJSON)} {
		if strings.Contains(text, "sesame") || !strings.Contains(text, "redacted") {
			t.Errorf("shown: %s", text)
		}
	}
}

func TestSecurity_Settings(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	ca := tlstest.NewAuthority(t)
	cert, key, otherKey := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"),
		filepath.Join(dir, "other.pem")
	ca.Issue("order", filepath.Join(dir, "unused.pem"), otherKey)
	ca.Issue("order", cert, key)
	there, empty, missing := file("there", "x\n"), file("empty", "\n"), filepath.Join(dir, "missing")
	for _, tc := range []struct {
		name string
		s    kafka.Security
		want string // "" for a good one
	}{
		{"nothing", kafka.Security{}, ""},
		{"TLS", kafka.Security{TLS: true, CAFile: ca.File, CertFile: cert, KeyFile: key}, ""},
		{"SASL with a file", kafka.Security{Mechanism: "plain", Username: "me", PasswordFile: there}, ""},
		{"SASL with the environment", kafka.Security{Mechanism: "scram-sha-256", Username: "me",
			Password: secret.New("x")}, ""},
		{"files without TLS", kafka.Security{CAFile: ca.File}, "kafka-tls:"},
		{"a certificate without its key", kafka.Security{TLS: true, CertFile: cert}, "kafka-tls-key-file"},
		{"a key of another certificate", kafka.Security{TLS: true, CertFile: cert, KeyFile: otherKey},
			"kafka-tls-key-file"},
		{"authorities that are none", kafka.Security{TLS: true, CAFile: there}, "kafka-tls-ca-file"},
		{"a file that is not there", kafka.Security{TLS: true, CAFile: missing}, "kafka-tls-ca-file"},
		{"a name without a mechanism", kafka.Security{Mechanism: "none", Username: "me"}, "kafka-sasl-mechanism"},
		{"a mechanism without a name", kafka.Security{Mechanism: "plain", Password: secret.New("x")},
			"kafka-sasl-username"},
		{"no password", kafka.Security{Mechanism: "plain", Username: "me"}, "kafka-sasl-password-file"},
		{"a password that is not there", kafka.Security{Mechanism: "plain", Username: "me", PasswordFile: missing},
			"kafka-sasl-password-file: open "},
		{"an empty password", kafka.Security{Mechanism: "plain", Username: "me", PasswordFile: empty},
			"kafka-sasl-password-file"},
	} {
		err := tc.s.Validate("kafka-")
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
}

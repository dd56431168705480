package broker_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ordertally/shared/broker"
	"ordertally/shared/secret"
	"ordertally/shared/tlsfiles/tlstest"
)

func TestASecretIsNotShown(t *testing.T) {
	s := broker.Security{Username: "me", Password: secret.New("open-sesame")}
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
	ca := tlstest.NewAuthority(t)
	cert, key, otherKey := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"), filepath.Join(dir, "other.pem")
	ca.Issue("order", filepath.Join(dir, "unused.pem"), otherKey)
	ca.Issue("order", cert, key)
	there, empty, missing := file("there", "x\n"), file("empty", "\n"), filepath.Join(dir, "missing")
	for _, tc := range []struct {
		name string
		s    broker.Security
		want string // "" when it is good
	}{
		{"nothing", broker.Security{}, ""},
		{"TLS", broker.Security{TLS: true, CAFile: ca.File, CertFile: cert, KeyFile: key}, ""},
		{"SASL with a file", broker.Security{Mechanism: "plain", Username: "me", PasswordFile: there}, ""},
		{"SASL with the environment", broker.Security{Mechanism: "scram-sha-256", Username: "me", Password: secret.New("x")}, ""},
		{"files without TLS", broker.Security{CAFile: ca.File}, "kafka-tls:"},
		{"a certificate without its key", broker.Security{TLS: true, CertFile: cert}, "kafka-tls-key-file"},
		{"a key of another certificate", broker.Security{TLS: true, CertFile: cert, KeyFile: otherKey}, "kafka-tls-key-file"},
		{"authorities that are none", broker.Security{TLS: true, CAFile: there}, "kafka-tls-ca-file"},
		{"a file that is not there", broker.Security{TLS: true, CAFile: missing}, "kafka-tls-ca-file"},
		{"a name without a mechanism", broker.Security{Mechanism: "none", Username: "me"}, "kafka-sasl-mechanism"},
		{"a mechanism without a name", broker.Security{Mechanism: "plain", Password: secret.New("x")}, "kafka-sasl-username"},
		{"no password", broker.Security{Mechanism: "plain", Username: "me"}, "kafka-sasl-password-file"},
		{"a password that is not there", broker.Security{Mechanism: "plain", Username: "me", PasswordFile: missing}, "kafka-sasl-password-file: open "},
		{"an empty password", broker.Security{Mechanism: "plain", Username: "me", PasswordFile: empty}, "kafka-sasl-password-file"},
	} {
		err := tc.s.Validate("kafka-")
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
}

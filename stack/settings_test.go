package stack_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSettingsAreShownWithTheirSource goes over what `config print` and `config check` say of settings from all four sources.
func TestSettingsAreShownWithTheirSource(t *testing.T) {
	order, err := orderProgram()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "order.yaml")
	if err := os.WriteFile(file, []byte("listen: 127.0.0.1:1\nops-listen: 127.0.0.1:2\n\nkafka: [a:1, b:2]\ndata: of-the-file.db\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"ORDER_OPS_LISTEN=127.0.0.1:3", "ORDER_DATA=of-the-environment.db", "ORDER_KAFKA_SASL_PASSWORD=open-sesame"}
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte("open-sesame"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--config", file, "--data", "x.db", "--kafka-sasl-mechanism", "plain", "--kafka-sasl-username", "me", "--kafka-sasl-password-file", secret}
	said, code := command(t, env, order, append([]string{"config", "print"}, args...)...)
	if code != 0 || strings.Contains(said, "sesame") {
		t.Fatalf("exit %d: %s", code, said)
	}
	rows := map[string][]string{}
	for line := range strings.Lines(said) {
		fields := strings.Fields(line)
		rows[fields[0]] = fields[1:]
	}
	for name, want := range map[string]string{
		"listen": "127.0.0.1:1 " + file + ":1", "ops-listen": "127.0.0.1:3 $ORDER_OPS_LISTEN", "kafka": "a:1,b:2 " + file + ":4", "data": "x.db --data",
		"max-connections": "10000 default", "kafka-sasl-password-file": secret + " --kafka-sasl-password-file",
	} {
		if got := strings.Join(rows[name], " "); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}

	// What is printed as YAML is a settings file that says the same.
	yaml, code := command(t, env, order, append([]string{"config", "print", "-o", "yaml"}, args...)...)
	again := filepath.Join(dir, "again.yaml")
	if err := os.WriteFile(again, []byte(yaml), 0o600); err != nil || code != 0 {
		t.Fatal(code, err)
	}
	values := func(text string) (all []string) {
		for line := range strings.Lines(text) {
			if !strings.HasPrefix(line, "#") {
				all = append(all, line)
			}
		}
		return all
	}
	repeated, code := command(t, nil, order, "config", "print", "-o", "yaml", "--config", again)
	if code != 0 || strings.Join(values(repeated), "") != strings.Join(values(yaml), "") {
		t.Errorf("exit %d, read again:\n%s\nwas\n%s", code, repeated, yaml)
	}
	if said, code := command(t, env, order, append([]string{"config", "check"}, args...)...); code != 0 || !strings.Contains(said, "good") {
		t.Errorf("config check: exit %d, %s", code, said)
	}
	for wrong, want := range map[string]string{
		"--log-max-age=-5": "log-max-age", "--admission-latency=2h": "admission-latency", "--tls-cert-file=x": "tls-key-file",
		"--kafka-sasl-mechanism=plain": "kafka-sasl-username", "--listn=x": `did you mean "--listen"?`,
	} {
		if said, code := command(t, nil, order, "config", "check", wrong); code != 2 || !strings.Contains(said, want) {
			t.Errorf("config check %s: exit %d, %s", wrong, code, said)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 3 {
		t.Errorf("the commands left files: %v", entries)
	}
}

package e2e_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ordertally/shared/settings/tlsfiles/tlstest"
	"ordertally/stack/stacktest"
)

// TestConfigPrint_ShowsSettingsWithTheirSource checks what `config print` and `config check` say about settings from
// all four sources.
func TestConfigPrint_ShowsSettingsWithTheirSource(t *testing.T) {
	order := stacktest.OrderProgram(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "order.yaml")
	if err := os.WriteFile(file, []byte(
		"listen: 127.0.0.1:1\nops-listen: 127.0.0.1:2\n\nkafka: [a:1, b:2]\ndata: of-the-file.db\n"),
		0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"ORDER_OPS_LISTEN=127.0.0.1:3", "ORDER_DATA=of-the-environment.db",
		"ORDER_KAFKA_SASL_PASSWORD=open-sesame",
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://me:open-sesame@127.0.0.1:1",
		"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=http://me:open-sesame@127.0.0.1:1/x"}
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte("open-sesame"), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"--config", file, "--data", "x.db", "--kafka-sasl-mechanism", "plain", "--kafka-sasl-username",
		"me", "--kafka-sasl-password-file", secret}
	said, code := stacktest.Command(t, env, order, append([]string{"config", "print"}, args...)...)
	if code != 0 || strings.Contains(said, "sesame") {
		t.Fatalf("exit %d: %s", code, said)
	}
	rows := map[string][]string{}
	for line := range strings.Lines(said) {
		fields := strings.Fields(line)
		rows[fields[0]] = fields[1:]
	}
	for name, want := range map[string]string{
		"listen": "127.0.0.1:1 " + file + ":1", "ops-listen": "127.0.0.1:3 $ORDER_OPS_LISTEN",
		"kafka": "a:1,b:2 " + file + ":4", "data": "x.db --data",
		"max-connections": "10000 default", "kafka-sasl-password-file": secret + " --kafka-sasl-password-file",
		"kafka-sasl-password": "[redacted] " + secret,
		"config":              file + " --config", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://me:xxxxx@127.0.0.1:1 " +
			"$OTEL_EXPORTER_OTLP_ENDPOINT",
	} {
		if got := strings.Join(rows[name], " "); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}

	// The YAML output is a settings file with the same meaning.
	yaml, code := stacktest.Command(t, env, order, append([]string{"config", "print", "-o", "yaml"}, args...)...)
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
	repeated, code := stacktest.Command(t, nil, order, "config", "print", "-o", "yaml", "--config", again)
	if code != 0 || strings.Join(values(repeated), "") != strings.Join(values(yaml), "") {
		t.Errorf("exit %d, read again:\n%s\nwas\n%s", code, repeated, yaml)
	}
	if said, code := stacktest.Command(t, env, order, append([]string{"config", "check"}, args...)...); code != 0 ||
		!strings.Contains(said, "good") {
		t.Errorf("config check: exit %d, %s", code, said)
	}
	for wrong, want := range map[string]string{
		"--log-max-age=-5": "log-max-age", "--admission-latency=2h": "admission-latency",
		"--tls-cert-file=x":            "tls-key-file",
		"--kafka-sasl-mechanism=plain": "kafka-sasl-username", "--listn=x": `did you mean "--listen"?`,
	} {
		if said, code := stacktest.Command(t, nil, order, "config", "check", wrong); code != 2 ||
			!strings.Contains(said, want) {
			t.Errorf("config check %s: exit %d, %s", wrong, code, said)
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 3 {
		t.Errorf("the commands left files: %v", entries)
	}
}

// TestConfigCheck_SaysWhatServeRefuses compares the two: serve fails to start exactly when config check refuses.
func TestConfigCheck_SaysWhatServeRefuses(t *testing.T) {
	order, activity := stacktest.Programs(t)
	ca, dir := tlstest.NewAuthority(t), t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	ca.Issue("one", file("cert.pem"), file("key.pem"))
	ca.Issue("another", file("other.pem"), file("other.key"))
	if err := os.WriteFile(file("empty"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	tls := []string{"--tls-cert-file", file("cert.pem"), "--tls-key-file", file("key.pem")}
	sasl := []string{"--kafka-sasl-mechanism", "plain", "--kafka-sasl-username", "me"}
	for _, tc := range []struct {
		args []string
		code int // of serve; that of config check is 2
		want string
	}{
		{[]string{"--tls-cert-file", file("none"), "--tls-key-file", file("key.pem")}, 2,
			"tls-cert-file, tls-key-file: TLS certificate " + file("none")},
		{[]string{"--tls-cert-file", file("cert.pem"), "--tls-key-file", file("other.key")}, 2, "does not match"},
		{append(tls, "--tls-client-ca-file", file("key.pem")), 2, "tls-client-ca-file: certificate authorities: "},
		{[]string{"--ops-tls-cert-file", file("cert.pem"), "--ops-tls-key-file", file("none")}, 2,
			"ops-tls-cert-file, ops-tls-key-file: TLS certificate"},
		{[]string{"--listen", "0.0.0.0:0"}, 2, "auth: other machines can reach 0.0.0.0:0"},
		{[]string{"--listen", "127.0.0.1:70000"}, 2, "listen: "},
		{[]string{"--data", file("none/x.db")}, 1, file("none")},
		{[]string{"--data", dir}, 1, dir},
		{[]string{"--log-file", file("none/x.log")}, 2, "log"},
		{[]string{"--log-file", dir}, 2, "log"},
		{[]string{"--log-file", "/dev/null"}, 2, "/dev/null is a device, not a regular file: name one that is"},
		{[]string{"--data", "/dev/null"}, 1, "/dev/null"},
		{[]string{"--tls-cert-file", "/dev/zero", "--tls-key-file", file("key.pem")}, 2,
			"/dev/zero is a device, not a regular file"},
		{[]string{"--kafka-tls", "--kafka-tls-ca-file", file("none")}, 2,
			"kafka-tls-ca-file: certificate authorities: open " + file("none")},
		{[]string{"--kafka-tls", "--kafka-tls-ca-file", file("empty")}, 2,
			"kafka-tls-ca-file: certificate authorities: "},
		{[]string{"--kafka-tls", "--kafka-tls-cert-file", file("cert.pem"), "--kafka-tls-key-file", file("other.key")},
			2, "kafka-tls-cert-file, kafka-tls-key-file: TLS certificate"},
		{append(sasl, "--kafka-sasl-password-file", file("none")), 2, "kafka-sasl-password-file: open " + file("none")},
		{append(sasl, "--kafka-sasl-password-file", file("empty")), 2,
			"kafka-sasl-password-file: " + file("empty") + " is empty"},
		{sasl, 2, "kafka-sasl-password-file: neither the file nor the environment"},
	} {
		for _, program := range []string{order, activity} {
			args := append([]string{"--listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0", "--data", file("x.db")},
				tc.args...)
			said, code := stacktest.Command(t, nil, program, append([]string{"config", "check"}, args...)...)
			if code != 2 || !strings.Contains(said, tc.want) {
				t.Fatalf("config check %v: exit %d, %s", tc.args, code, said)
			}
			if _, err := os.Stat(file("x.db")); err == nil {
				t.Fatalf("config check %v made the database", tc.args)
			}
			said, code = stacktest.Command(t, nil, program, append([]string{"serve"}, args...)...)
			if code != tc.code || !strings.Contains(said, tc.want) {
				t.Fatalf("serve %v: exit %d, want %d: %s", tc.args, code, tc.code, said)
			}
			if err := os.RemoveAll(file("x.db")); err != nil { // serve needs it to know whether it has a key
				t.Fatal(err)
			}
		}
	}

	// All faults at once, one per line.
	said, code := stacktest.Command(t, nil, order, "config", "check", "--listen", ":0", "--data", file("none/x.db"),
		"--log-file",
		file("none/x.log"), "--rate-limit-burst=-1s",
		"--tls-cert-file", file("none"), "--tls-key-file", file("key.pem"), "--kafka-tls", "--kafka-tls-ca-file",
		file("none"), "--outbox-linger", "2h")
	if code != 2 || strings.Count(said, "\n") != 7 {
		t.Errorf("exit %d, %d lines", code, strings.Count(said, "\n"))
	}
	for _, want := range []string{"auth: ", "data: ", "log-file: ", "rate-limit-burst: ",
		"tls-cert-file, tls-key-file: ", "kafka-tls-ca-file: ", "outbox-linger: "} {
		if !strings.Contains(said, want) {
			t.Errorf("%s is not named: %s", want, said)
		}
	}
	if said, code := stacktest.Command(t, nil, order,
		append([]string{"config", "print", "--listen", ":0"}, "--tls-cert-file", file("none"))...); code != 0 ||
		!strings.Contains(said, file("none")) {
		t.Errorf("config print of settings that are refused: exit %d, %s", code, said)
	}
	good := append([]string{"config", "check", "--data", file("x.db"), "--log-file", file("x.log")},
		append(tls, "--kafka-tls", "--kafka-tls-ca-file", ca.File)...)
	for _, program := range []string{order, activity} {
		if said, code := stacktest.Command(t, nil, program, good...); code != 0 || said != "the settings are good\n" {
			t.Errorf("config check of good settings: exit %d, %s", code, said)
		}
	}
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 5 {
		t.Errorf("config check left files: %v, %v", entries, err)
	}
}

// TestConfigCheck_BesideARunningServiceSaysWhatItCannotKnow checks that it admits not knowing whether there is a key,
// because the service has the file.
func TestConfigCheck_BesideARunningServiceSaysWhatItCannotKnow(t *testing.T) {
	order := stacktest.OrderProgram(t)
	data := filepath.Join(t.TempDir(), "order.db")
	check := func() (string, int) {
		return stacktest.Command(t, nil, order, "config", "check", "--listen", "0.0.0.0:0", "--data", data)
	}
	if said, code := check(); code != 2 || !strings.HasPrefix(said, "auth: ") {
		t.Errorf("without a file: exit %d, %s", code, said)
	}
	p := stacktest.Serve(t, stacktest.Serving{Program: order, Data: data})
	said, code := check()
	if code != 0 || !strings.HasPrefix(said, "the settings are good\nnot checked: whether "+data+" has an API key") {
		t.Errorf("beside the service: exit %d, %s", code, said)
	}
	p.Kill()
	if said, code := check(); code != 2 || !strings.HasPrefix(said, "auth: ") {
		t.Errorf("with a file that has no key: exit %d, %s", code, said)
	}
	if said, code := stacktest.Command(t, nil, order, "keys", "new", "shop", "--scopes", "orders:read", "--data",
		data); code != 0 {
		t.Fatal(said)
	}
	if said, code := check(); code != 0 || said != "the settings are good\n" {
		t.Errorf("with a file that has a key: exit %d, %s", code, said)
	}
}

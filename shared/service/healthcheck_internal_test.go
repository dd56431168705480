package service

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/rs/zerolog"

	"ordertally/shared/auth"
	"ordertally/shared/service/telemetry"
	"ordertally/shared/settings"
	"ordertally/shared/settings/tlsfiles"
	"ordertally/shared/settings/tlsfiles/tlstest"
	"ordertally/shared/web"
)

// TestHealthCheck_ShowsACertificate asks a listener whose own certificate is for servers only and comes from another
// authority than its clients' certificates.
func TestHealthCheck_ShowsACertificate(t *testing.T) {
	servers, clients, dir := tlstest.NewAuthority(t), tlstest.NewAuthority(t), t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	servers.IssueServer("ops", file("ops.pem"), file("ops.key"))
	servers.Issue("other", file("other.pem"), file("other.key"))
	clients.Issue("probe", file("probe.pem"), file("probe.key"))
	own := tlsfiles.Config{CertFile: file("ops.pem"), KeyFile: file("ops.key"), ClientCAFile: clients.File}
	registry := telemetry.NewRegistry()
	listener, err := opsServer(&Config{OpsListen: "127.0.0.1:0", OpsTLS: own}, telemetry.Ops{
		Registry: registry, Health: &telemetry.Health{}, Guard: auth.Unguarded(), Metrics: web.NewMetrics(registry),
		Logger: zerolog.Nop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := listener.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Stop(t.Context()) })
	given := []string{
		"--ops-listen", listener.Addr(), "--ops-tls-cert-file", file("ops.pem"), "--ops-tls-key-file", file("ops.key"),
		"--ops-tls-client-ca-file", clients.File,
	}
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"a client's", []string{"--ops-client-cert-file", file("probe.pem"), "--ops-client-key-file",
			file("probe.key")}, 0, "livez check passed"},
		{"the listener's own", nil, 1, ""},
		{"another's", []string{"--ops-client-cert-file", file("other.pem"), "--ops-client-key-file", file("other.key")},
			1, ""},
		{"without a key", []string{"--ops-client-cert-file", file("probe.pem")}, 2,
			"ops-client-cert-file, ops-client-key-file: TLS needs both"},
		{"that is not there", []string{"--ops-client-cert-file", file("none"), "--ops-client-key-file",
			file("probe.key")}, 2, "no such file"},
		{"with a wrong one of the listener", []string{
			"--ops-tls-cert-file", file("other.pem"), "--ops-tls-key-file", file("other.key"), "--ops-client-cert-file",
			file("probe.pem"), "--ops-client-key-file", file("probe.key"),
		}, 1, "another certificate than ops-tls-cert-file"},
	} {
		var out bytes.Buffer
		err := healthcheck(t, &out, append(given, tc.args...)...)
		said := out.String()
		if err != nil {
			said += err.Error()
		}
		if code := settings.ExitCode(err); code != tc.code || !strings.Contains(said, tc.want) {
			t.Errorf("%s: exit %d, want %d and %q: %s", tc.name, code, tc.code, tc.want, said)
		}
	}
}

// healthcheck runs the command as the program does, but with another output.
func healthcheck(t *testing.T, out *bytes.Buffer, args ...string) error {
	t.Helper()
	var commands struct {
		Health HealthCheck `cmd:"" name:"healthcheck"`
	}
	_, err := settings.Program{
		Name: "order", EnvPrefix: "ORDER", Options: []kong.Option{kong.Vars{"ops_listen": "127.0.0.1:1"}},
	}.Parse(&commands, append([]string{"healthcheck"}, args...))
	if err != nil {
		return err
	}
	return commands.Health.run(t.Context(), out)
}

func TestAListenerIsReachedFromItsOwnMachine(t *testing.T) {
	for listen, want := range map[string]string{
		"127.0.0.1:8081": "127.0.0.1:8081", "0.0.0.0:8081": "localhost:8081", ":8081": "localhost:8081",
		"[::]:8081": "localhost:8081", "[::1]:8081": "[::1]:8081",
		"order:8081": "order:8081", "nonsense": "nonsense",
	} {
		if got := dialable(listen); got != want {
			t.Errorf("%s: %s, want %s", listen, got, want)
		}
	}
}

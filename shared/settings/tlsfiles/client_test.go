package tlsfiles_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"ordertally/shared/settings/tlsfiles"
	"ordertally/shared/settings/tlsfiles/tlstest"
)

func TestAClientOfAPrivateAuthority(t *testing.T) {
	ca, others, dir := tlstest.NewAuthority(t), tlstest.NewAuthority(t), t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	ca.IssueServer("server", file("cert"), file("key"))
	ca.Issue("operator", file("mine"), file("mine.key"))
	others.Issue("stranger", file("theirs"), file("theirs.key"))
	open := serve(t, tlsfiles.Config{CertFile: file("cert"), KeyFile: file("key")})
	mutual := serve(t, tlsfiles.Config{CertFile: file("cert"), KeyFile: file("key"), ClientCAFile: ca.File})
	for _, tc := range []struct {
		name   string
		addr   string
		client tlsfiles.ClientConfig
		want   string // what the error says, "" when it is none
	}{
		{"the system's authorities", open, tlsfiles.ClientConfig{},
			"; name its authority's file with --activity-ca-file"},
		{"another authority", open, tlsfiles.ClientConfig{CAFile: others.File},
			"; name its authority's file with --activity-ca-file"},
		{"the authority", open, tlsfiles.ClientConfig{CAFile: ca.File}, ""},
		{"a certificate that nobody asks for", open,
			tlsfiles.ClientConfig{CAFile: ca.File, CertFile: file("mine"), KeyFile: file("mine.key")}, ""},
		{"mutual", mutual, tlsfiles.ClientConfig{CAFile: ca.File, CertFile: file("mine"), KeyFile: file("mine.key")},
			""},
		{"no file", open, tlsfiles.ClientConfig{CAFile: file("none")},
			"activity-ca-file: certificate authorities: open"},
		{"no authority", open, tlsfiles.ClientConfig{CAFile: file("key")}, "no certificate in PEM"},
		{"no key", open, tlsfiles.ClientConfig{CertFile: file("mine")},
			"activity-cert-file, activity-key-file: TLS needs both"},
		{"no certificate", open, tlsfiles.ClientConfig{KeyFile: file("mine.key")},
			"activity-cert-file, activity-key-file: TLS needs both"},
		{"another's key", open, tlsfiles.ClientConfig{CertFile: file("mine"), KeyFile: file("key")}, "does not match"},
	} {
		if err := ask(t, "https://"+tc.addr, tc.client); (err == nil) != (tc.want == "") || err != nil &&
			!strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
}

// TestTransport_ARefusedClientLearnsWhichSettingHelps uses TLS 1.2, where the client learns of it during the handshake.
// In 1.3 it learns with the first answer, unless the connection is closed before it has read that.
func TestTransport_ARefusedClientLearnsWhichSettingHelps(t *testing.T) {
	ca, others, dir := tlstest.NewAuthority(t), tlstest.NewAuthority(t), t.TempDir()
	file := func(name string) string { return filepath.Join(dir, name) }
	others.Issue("stranger", file("theirs"), file("theirs.key"))
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{ca.Client("server")},
		ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ca.Pool, MaxVersion: tls.VersionTLS12}
	server.StartTLS()
	defer server.Close()
	for _, tc := range []struct {
		client tlsfiles.ClientConfig
		want   string
	}{
		{tlsfiles.ClientConfig{CAFile: ca.File},
			"; if the service asks for a certificate, name one with --activity-cert-file and --activity-key-file"},
		{tlsfiles.ClientConfig{CAFile: ca.File, CertFile: file("theirs"), KeyFile: file("theirs.key")},
			"; does the service take the certificate of --activity-cert-file?"},
	} {
		err := ask(t, server.URL, tc.client)
		if !tlsfiles.TurnedAway(err) || !strings.HasSuffix(err.Error(), tc.want) {
			t.Errorf("%v, want %s", err, tc.want)
		}
	}
}

// ask makes one request, with the names that the settings of `order trace` have.
func ask(t *testing.T, url string, c tlsfiles.ClientConfig) error {
	t.Helper()
	transport, err := c.Transport("activity-")
	if err != nil {
		return err
	}
	client := &http.Client{Transport: transport}
	defer client.CloseIdleConnections()
	response, err := client.Get(url)
	if err != nil {
		return err
	}
	if response.ProtoMajor != 2 {
		t.Errorf("%s is spoken", response.Proto)
	}
	return response.Body.Close()
}

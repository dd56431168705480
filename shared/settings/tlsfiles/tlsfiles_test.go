package tlsfiles_test

import (
	"crypto/tls"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/settings/tlsfiles"
	"ordertally/shared/settings/tlsfiles/tlstest"
	"ordertally/shared/web"
)

// serve answers over TLS until the test ends.
func serve(t *testing.T, c tlsfiles.Config) (addr string) {
	t.Helper()
	config, err := tlsfiles.Server(c, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	s := web.New(web.Config{Addr: "127.0.0.1:0", TLS: config,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = w.Write([]byte(r.Proto))
		})}, zerolog.Nop())
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(t.Context()) })
	return s.Addr()
}

// connect makes one request on a connection of its own and returns the name in the server's certificate.
func connect(t *testing.T, addr string, config *tls.Config) (name, proto string, err error) {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true,
		ForceAttemptHTTP2: true}}
	response, err := client.Get("https://" + addr)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = response.Body.Close() }()
	return response.TLS.PeerCertificates[0].Subject.CommonName, response.Proto, nil
}

func TestARenewedCertificateIsUsedWithoutARestart(t *testing.T) {
	ca, dir := tlstest.NewAuthority(t), t.TempDir()
	c := tlsfiles.Config{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	ca.Issue("first", c.CertFile, c.KeyFile)
	addr := serve(t, c)
	name, proto, err := connect(t, addr, &tls.Config{RootCAs: ca.Pool})
	if err != nil || name != "first" || proto != "HTTP/2.0" {
		t.Fatalf("%s over %s, %v", name, proto, err)
	}
	if err := os.WriteFile(c.CertFile, []byte("half a fi"), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := func(want string) bool {
		name, _, err := connect(t, addr, &tls.Config{RootCAs: ca.Pool})
		if err != nil {
			t.Fatal(err)
		}
		return name == want
	}
	for end := time.Now().Add(1200 * time.Millisecond); time.Now().Before(end); { // longer than it takes to look again
		if !seen("first") {
			t.Fatal("a broken file was taken")
		}
	}
	ca.Issue("second", c.CertFile, c.KeyFile)
	for deadline := time.Now().Add(10 * time.Second); !seen("second"); {
		if time.Now().After(deadline) {
			t.Fatal("the renewed certificate is never used")
		}
	}
}

func TestClientsNeedACertificate(t *testing.T) {
	ca, others, dir := tlstest.NewAuthority(t), tlstest.NewAuthority(t), t.TempDir()
	c := tlsfiles.Config{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem"),
		ClientCAFile: ca.File}
	ca.Issue("server", c.CertFile, c.KeyFile)
	addr := serve(t, c)
	for _, tc := range []struct {
		name  string
		certs []tls.Certificate
		most  uint16
		ok    bool
	}{
		{"with one", []tls.Certificate{ca.Client("shop")}, 0, true},
		{"with one, TLS 1.2", []tls.Certificate{ca.Client("shop")}, tls.VersionTLS12, true},
		{"without", nil, 0, false},
		{"of another authority", []tls.Certificate{others.Client("shop")}, 0, false},
		{"TLS 1.1", []tls.Certificate{ca.Client("shop")}, tls.VersionTLS11, false},
	} {
		_, _, err := connect(t, addr, &tls.Config{RootCAs: ca.Pool, Certificates: tc.certs, MaxVersion: tc.most,
			MinVersion: tls.VersionTLS10})
		if (err == nil) != tc.ok {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	ca, dir := tlstest.NewAuthority(t), t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	otherKey := filepath.Join(dir, "other.pem")
	ca.Issue("server", filepath.Join(dir, "unused.pem"), otherKey)
	ca.Issue("server", cert, key)
	for _, tc := range []struct {
		config tlsfiles.Config
		want   string
	}{
		{tlsfiles.Config{CertFile: cert}, "tls-cert-file, tls-key-file: TLS needs both"},
		{tlsfiles.Config{ClientCAFile: ca.File}, "tls-cert-file, tls-key-file: TLS needs both"},
		{tlsfiles.Config{CertFile: cert, KeyFile: cert}, "tls-cert-file, tls-key-file: TLS certificate"},
		{tlsfiles.Config{CertFile: cert, KeyFile: otherKey}, "does not match"},
		{tlsfiles.Config{CertFile: cert, KeyFile: filepath.Join(dir, "none")}, "no such file"},
		{tlsfiles.Config{CertFile: cert, KeyFile: key, ClientCAFile: key},
			"tls-client-ca-file: certificate authorities"},
		{tlsfiles.Config{CertFile: cert, KeyFile: key, ClientCAFile: filepath.Join(dir, "none")},
			"tls-client-ca-file: certificate authorities"},
	} {
		if err := tc.config.Validate("tls-"); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %v, want %s", tc.config, err, tc.want)
		}
		if _, err := tlsfiles.Server(tc.config, zerolog.Nop()); err == nil {
			t.Errorf("%+v: a server is made of it", tc.config)
		}
	}
	err := tlsfiles.Config{CertFile: cert, KeyFile: otherKey, ClientCAFile: key}.Validate("tls-")
	if err == nil || !strings.Contains(err.Error(), "tls-key-file") ||
		!strings.Contains(err.Error(), "tls-client-ca-file") {
		t.Errorf("two faults: %v", err)
	}
	if err := (tlsfiles.Config{CertFile: cert, KeyFile: key, ClientCAFile: ca.File}).Validate("tls-"); err != nil {
		t.Error(err)
	}
}

// TestServer_ReadsRepairedFilesOfTheSameSizeAndTime has a key that is unusable at first and then usable, with the same
// size and time.
func TestServer_ReadsRepairedFilesOfTheSameSizeAndTime(t *testing.T) {
	ca, dir := tlstest.NewAuthority(t), t.TempDir()
	c := tlsfiles.Config{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	ca.Issue("first", c.CertFile, c.KeyFile)
	addr := serve(t, c)
	ca.Issue("second", c.CertFile, c.KeyFile)
	key, err := os.ReadFile(c.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now()
	put := func(content []byte) {
		t.Helper()
		if err := os.WriteFile(c.KeyFile, content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(c.KeyFile, at, at); err != nil {
			t.Fatal(err)
		}
	}
	seen := func(want string) bool {
		t.Helper()
		name, _, err := connect(t, addr, &tls.Config{RootCAs: ca.Pool})
		if err != nil {
			t.Fatal(err)
		}
		return name == want
	}
	put([]byte(strings.Repeat("x", len(key))))
	for end := time.Now().Add(1200 * time.Millisecond); time.Now().Before(end); { // longer than it takes to look again
		if !seen("first") {
			t.Fatal("a broken key was taken")
		}
	}
	put(key)
	for deadline := time.Now().Add(10 * time.Second); !seen("second"); {
		if time.Now().After(deadline) {
			t.Fatal("the mended key is never used")
		}
	}
}

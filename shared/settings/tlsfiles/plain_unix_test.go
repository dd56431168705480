//go:build unix

package tlsfiles_test

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ordertally/shared/settings/plainfile/plainfiletest"
	"ordertally/shared/settings/tlsfiles"
	"ordertally/shared/settings/tlsfiles/tlstest"
)

func TestNoSettingOfTLSHangs(t *testing.T) {
	ca, dir := tlstest.NewAuthority(t), t.TempDir()
	good := tlsfiles.Config{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	ca.Issue("server", good.CertFile, good.KeyFile)
	for path, want := range plainfiletest.Refused(t) {
		for setting, c := range map[string]tlsfiles.Config{
			"ops-tls-cert-file, ":     {CertFile: path, KeyFile: good.KeyFile},
			"ops-tls-key-file: ":      {CertFile: good.CertFile, KeyFile: path},
			"ops-tls-client-ca-file:": {CertFile: good.CertFile, KeyFile: good.KeyFile, ClientCAFile: path},
		} {
			err := plainfiletest.Within(t, func() error { return c.Validate("ops-tls-") })
			for _, part := range []string{want, setting, "that this user can read"} {
				if err == nil || !strings.Contains(err.Error(), part) {
					t.Errorf("%s %s: %v, want %q", setting, path, err, part)
				}
			}
		}
	}
}

// TestServer_ARenewalThatIsAFIFOStopsNobody puts a FIFO in place of the certificate. All handshakes wait for the files
// to be read.
func TestServer_ARenewalThatIsAFIFOStopsNobody(t *testing.T) {
	ca, dir := tlstest.NewAuthority(t), t.TempDir()
	c := tlsfiles.Config{CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	ca.Issue("first", c.CertFile, c.KeyFile)
	addr := serve(t, c)
	if err := os.Rename(plainfiletest.FIFO(t), c.CertFile); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(1200 * time.Millisecond); time.Now().Before(end); { // longer than it takes to look again
		err := plainfiletest.Within(t, func() error {
			_, _, err := connect(t, addr, &tls.Config{RootCAs: ca.Pool})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
)

// Authorities reads a file of CA certificates in PEM.
func Authorities(path string) (*x509.CertPool, error) {
	text, err := os.ReadFile(path) //nolint:gosec // G304: whoever starts the program names the file
	if err != nil {
		return nil, fmt.Errorf("certificate authorities: %w: name a file of certificates in PEM that this user can read", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("certificate authorities: %s has no certificate in PEM", path)
	}
	return pool, nil
}

// KeyPair reads the certificate chain and the key of its first certificate that two settings name; prefix is that of the settings' names.
func KeyPair(certFile, keyFile, prefix string) (pair tls.Certificate, err error) {
	if certFile == "" || keyFile == "" {
		return pair, fmt.Errorf("%scert-file, %[1]skey-file: TLS needs both", prefix)
	}
	if pair, err = tls.LoadX509KeyPair(certFile, keyFile); err != nil {
		return pair, fmt.Errorf("%scert-file, %[1]skey-file: TLS certificate %s with key %s: %w (both are PEM files that this user can read, and the key is "+
			"that of the certificate)", prefix, certFile, keyFile, err)
	}
	return pair, nil
}

package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"

	"ordertally/shared/settings/plainfile"
)

// Authorities reads a regular file of CA certificates in PEM, up to plainfile.Bound.
func Authorities(path string) (*x509.CertPool, error) {
	text, err := plainfile.Read(path, plainfile.Bound)
	if err != nil {
		return nil, fmt.Errorf("certificate authorities: %w: name a file of certificates in PEM that this user can "+
			"read", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("certificate authorities: %s has no certificate in PEM", path)
	}
	return pool, nil
}

// KeyPair reads a certificate chain and the key of its first certificate. Both are regular files up to plainfile.Bound,
// named by two settings. prefix is the prefix of the settings' names.
func KeyPair(certFile, keyFile, prefix string) (pair tls.Certificate, err error) {
	if certFile == "" || keyFile == "" {
		return pair, fmt.Errorf("%scert-file, %[1]skey-file: TLS needs both", prefix)
	}
	if pair, err = loadKeyPair(certFile, keyFile); err != nil {
		return pair, fmt.Errorf("%scert-file, %[1]skey-file: TLS certificate %s with key %s: %w (both are PEM files "+
			"that this user can read, and the key is "+
			"that of the certificate)", prefix, certFile, keyFile, err)
	}
	return pair, nil
}

func loadKeyPair(certFile, keyFile string) (tls.Certificate, error) {
	cert, err := plainfile.Read(certFile, plainfile.Bound)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := plainfile.Read(keyFile, plainfile.Bound)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.X509KeyPair(cert, key)
}

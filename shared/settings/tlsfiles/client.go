package tlsfiles

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
)

// ClientConfig names the files of a program that calls a service. The tags make it flags. The zero value means the
// system's authorities and no certificate.
type ClientConfig struct {
	// Authorities (PEM) that the service's certificate must come from. Default: the system's.
	CAFile string `name:"ca-file" placeholder:"FILE"`
	// Certificate (PEM) to show to a service that asks for one (mTLS).
	CertFile string `name:"cert-file" placeholder:"FILE"`
	// Private key (PEM) of that certificate.
	KeyFile string `name:"key-file" placeholder:"FILE"`
}

// Transport reads the files and returns a transport that uses them. Otherwise it is like http.DefaultTransport. prefix
// is the prefix of the settings' names, for errors. Errors of requests also tell which setting helps.
func (c ClientConfig) Transport(prefix string) (http.RoundTripper, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	var err error
	if c.CAFile != "" {
		if config.RootCAs, err = Authorities(c.CAFile); err != nil {
			return nil, fmt.Errorf("%sca-file: %w", prefix, err)
		}
	}
	if c.CertFile != "" || c.KeyFile != "" {
		pair, err := KeyPair(c.CertFile, c.KeyFile, prefix)
		if err != nil {
			return nil, err
		}
		// With Certificates, none would be sent when the service names other authorities. The service would then ask
		// for one although there is one.
		config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	}
	transport, err := NewTransport(config)
	if err != nil {
		return nil, err
	}
	return &advising{Transport: transport, prefix: prefix, shows: c.CertFile != ""}, nil
}

// NewTransport returns a transport like http.DefaultTransport, with up to 64 connections of its own. A nil config uses
// the system's authorities.
func NewTransport(config *tls.Config) (*http.Transport, error) {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return nil, errors.New("the process replaced http.DefaultTransport: there is none to go by")
	}
	transport = transport.Clone()
	transport.MaxIdleConnsPerHost = 64
	transport.TLSClientConfig = config
	return transport, nil
}

// advising tells which setting helps when TLS fails.
type advising struct {
	*http.Transport
	prefix string
	shows  bool // it has a certificate to show
}

// RoundTrip implements http.RoundTripper.
func (a *advising) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := a.Transport.RoundTrip(r)
	if err != nil {
		return nil, a.advise(err)
	}
	return response, nil
}

func (a *advising) advise(err error) error {
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return fmt.Errorf("%w; name its authority's file with --%sca-file", err, a.prefix)
	}
	switch {
	case !TurnedAway(err):
		return err
	case a.shows:
		return fmt.Errorf("%w; does the service take the certificate of --%scert-file?", err, a.prefix)
	}
	return fmt.Errorf("%w; if the service asks for a certificate, name one with --%scert-file and --%[2]skey-file", err,
		a.prefix)
}

// TurnedAway reports whether the other side ended the connection with a TLS alert. It does so with a client that shows
// no certificate of its authorities.
func TurnedAway(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error" // crypto/tls has no exported type for alerts
}

package service

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"ordertally/shared/settings"
	"ordertally/shared/settings/tlsfiles"
	"ordertally/shared/text/safetext"
)

// HealthCheck is the command of that name, for containers without a shell or curl. It asks the ops listener of a
// running service, which it finds by the service's own settings.
type HealthCheck struct {
	// Address of the running service's metrics and health.
	OpsListen string          `default:"${ops_listen}" name:"ops-listen"`
	OpsTLS    tlsfiles.Config `embed:"" prefix:"ops-tls-"`
	// Certificate (PEM) to show where ops-tls-client-ca-file asks for one. Default: that of ops-tls-cert-file.
	//
	// The listener accepts its own certificate if its client authorities issued it for clients too.
	ClientCertFile string `name:"ops-client-cert-file" placeholder:"FILE" setting:""`
	// Private key (PEM) of that certificate.
	ClientKeyFile string `name:"ops-client-key-file" placeholder:"FILE" setting:""`
	// What to ask.
	Check string `default:"livez" enum:"livez,readyz,startupz" name:"check"`
}

const (
	healthTimeout = 5 * time.Second // the service takes one second at most
	maxHealth     = 64 << 10        // bytes of an answer
)

// Run prints what the service says. The error, and so the exit code, tells whether the service is healthy.
func (c *HealthCheck) Run(ctx context.Context) error { return c.run(ctx, safetext.Stdout()) }

func (c *HealthCheck) run(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, healthTimeout)
	defer cancel()
	transport, scheme := &http.Transport{DisableKeepAlives: true}, "http"
	if c.OpsTLS.On() {
		var err error
		if transport.TLSClientConfig, err = c.tls(); err != nil {
			return settings.WithExitCode(err, settings.ExitUsage)
		}
		scheme = "https"
	}
	url := scheme + "://" + dialable(c.OpsListen) + "/" + c.Check
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"?verbose", nil)
	if err != nil {
		return fmt.Errorf("ops-listen: %w", err)
	}
	response, err := (&http.Client{Transport: transport}).Do(r)
	if tlsfiles.TurnedAway(err) {
		return fmt.Errorf("the service does not take the certificate: %w; name one that its client authorities "+
			"issued for clients, with --ops-client-cert-file and --ops-client-key-file", err)
	}
	if err != nil {
		return fmt.Errorf("the service does not answer: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxHealth))
	if err != nil {
		return fmt.Errorf("the service does not answer: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s\n%s", url, response.Status, strings.TrimSpace(string(text)))
	}
	_, err = out.Write(text)
	return err
}

// dialable returns the address at which a listener is reached from its own machine.
func dialable(listen string) string {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return listen
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// tls trusts the listener's own certificate, whatever names are in it.
func (c *HealthCheck) tls() (*tls.Config, error) {
	own, err := tlsfiles.KeyPair(c.OpsTLS.CertFile, c.OpsTLS.KeyFile, "ops-tls-")
	if err != nil {
		return nil, err
	}
	shown := own
	if c.ClientCertFile != "" || c.ClientKeyFile != "" {
		if shown, err = tlsfiles.KeyPair(c.ClientCertFile, c.ClientKeyFile, "ops-client-"); err != nil {
			return nil, err
		}
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{shown},
		InsecureSkipVerify: true, //nolint:gosec // G402: VerifyConnection accepts that one certificate only
		VerifyConnection: func(s tls.ConnectionState) error {
			if !bytes.Equal(s.PeerCertificates[0].Raw, own.Certificate[0]) {
				return errors.New("the listener has another certificate than ops-tls-cert-file")
			}
			return nil
		},
	}, nil
}

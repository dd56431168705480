// Package tlsfiles makes TLS configurations from PEM files. It reads changed files again, so a certificate is renewed
// without a restart.
package tlsfiles

import (
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// Config names the files of one listener. The tags make it flags. The zero value means no TLS.
type Config struct {
	// Certificate chain (PEM) to serve with TLS; read again when it changes.
	//
	// The listener's own certificate comes first.
	CertFile string `name:"cert-file" placeholder:"FILE"`
	// Private key (PEM) of the certificate.
	KeyFile string `name:"key-file" placeholder:"FILE"`
	// Authorities (PEM) that clients' certificates must come from (mTLS).
	//
	// A client without such a certificate is turned away.
	ClientCAFile string `name:"client-ca-file" placeholder:"FILE"`
}

// On reports whether there is TLS.
func (c Config) On() bool { return c != Config{} }

// Validate returns what is missing or unusable. prefix is the prefix of the settings' names.
func (c Config) Validate(prefix string) error {
	if !c.On() {
		return nil
	}
	_, err := KeyPair(c.CertFile, c.KeyFile, prefix)
	errs := []error{err}
	if c.ClientCAFile != "" {
		if _, err := Authorities(c.ClientCAFile); err != nil {
			errs = append(errs, fmt.Errorf("%sclient-ca-file: %w", prefix, err))
		}
	}
	return errors.Join(errs...)
}

// lookEvery is the shortest interval between two looks at the files.
const lookEvery = time.Second

// reloader holds the content of the files when they were last good.
type reloader struct {
	config Config
	logger zerolog.Logger

	mu     sync.Mutex
	looked time.Time
	seen   [3]stamp
	said   string // what was wrong with the files at the last look
	tls    *tls.Config
}

// stamp tells two versions of a file apart without reading it.
type stamp struct {
	size int64
	at   time.Time
}

// Server returns the configuration of a listener. The files are read now. When a client connects, they are read again
// if they have changed, at most once a second. Changed files that cannot be used are logged, and the previous ones stay
// in use.
func Server(c Config, logger zerolog.Logger) (*tls.Config, error) {
	r := &reloader{config: c, logger: logger, looked: time.Now()}
	r.seen = r.stamps()
	var err error
	if r.tls, err = r.load(); err != nil {
		return nil, err
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2", "http/1.1"},
		GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			return r.current(), nil
		},
		// net/http checks for a certificate before it serves, but GetConfigForClient comes first.
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return nil, errors.New("tlsfiles: a handshake without its configuration")
		},
	}, nil
}

func (r *reloader) current() *tls.Config {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := time.Now(); now.Sub(r.looked) >= lookEvery {
		r.looked = now
		if seen := r.stamps(); seen != r.seen {
			r.take(seen)
		}
	}
	return r.tls
}

// take reads the files until they are good. A repair may leave size and time unchanged, for example of a file's
// permissions.
func (r *reloader) take(seen [3]stamp) {
	loaded, err := r.load()
	if err != nil {
		if text := err.Error(); text != r.said { // log it once, not every second
			r.said = text
			r.logger.Error().Err(err).Msg("the TLS files changed and cannot be used: the ones before stay in use")
		}
		return
	}
	r.tls, r.seen, r.said = loaded, seen, ""
	r.logger.Info().Str("cert_file", r.config.CertFile).Msg("the TLS files changed and are in use")
}

func (r *reloader) stamps() (all [3]stamp) {
	for i, path := range []string{r.config.CertFile, r.config.KeyFile, r.config.ClientCAFile} {
		if info, err := os.Stat(path); err == nil {
			all[i] = stamp{info.Size(), info.ModTime()}
		}
	}
	return all
}

func (r *reloader) load() (*tls.Config, error) {
	pair, err := KeyPair(r.config.CertFile, r.config.KeyFile, "")
	if err != nil {
		return nil, err
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		Certificates: []tls.Certificate{pair}}
	if r.config.ClientCAFile == "" {
		return c, nil
	}
	c.ClientAuth = tls.RequireAndVerifyClientCert
	c.ClientCAs, err = Authorities(r.config.ClientCAFile)
	return c, err
}

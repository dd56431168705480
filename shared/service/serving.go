// Package service is what the services have in common around their APIs: the settings of their listeners, limits and
// log, and how listeners are made of them.
package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/auth"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/service/telemetry"
	"ordertally/shared/service/telemetry/tracing"
	"ordertally/shared/settings/tlsfiles"
	"ordertally/shared/web"
)

// Config of what is around an API. The tags make it flags. The zero value has the defaults.
type Config struct {
	// TLS of the API's listener, and OpsTLS of the one for metrics and health.
	TLS    tlsfiles.Config `embed:"" prefix:"tls-"`
	OpsTLS tlsfiles.Config `embed:"" prefix:"ops-tls-"`
	// Auth is who may call the API.
	Auth auth.Config `embed:""`
	// Limits are those of request rates.
	Limits ratelimit.Config `embed:""`
	// Bounds are what clients may take of the API's listener.
	Bounds web.Bounds `embed:""`
	// Proxies before the API, as addresses and CIDR ranges, whose X-Forwarded-For tells who the client is.
	Proxies []string `help:"Proxies before the API, addresses or CIDR ranges: their X-Forwarded-For tells the client's address for limits and log." name:"trusted-proxies" placeholder:"CIDR"`
	// ScrubInterval is how often the whole database file is checked for damage. Default 24 h.
	ScrubInterval time.Duration `default:"24h" help:"How often the whole database file is checked for damage, in small steps." name:"scrub-interval"`
	// Log is for whoever makes the service's logger, who may also set Verbosity: it can then be changed over the ops
	// listener.
	Log       telemetry.LogConfig `embed:"" prefix:"log-"`
	Verbosity *telemetry.Level    `kong:"-"`
	// Drops of that logger, for the metric; nil for none.
	Drops *telemetry.Drops `kong:"-"`
	// QuietRequests keeps the lines of requests that went well for level debug.
	QuietRequests bool `kong:"-"`
}

// WithDefaults returns c with its zero fields filled in, but for those of Log.
func (c Config) WithDefaults() Config {
	c.Limits, c.Bounds = c.Limits.WithDefaults(), c.Bounds.WithDefaults()
	c.ScrubInterval = cmp.Or(c.ScrubInterval, defaultScrub)
	return c
}

// Validate names what is wrong, with the settings and the files that they name.
func (c *Config) Validate() error {
	_, err := web.ParseProxies(c.Proxies)
	if err != nil {
		err = fmt.Errorf("trusted-proxies: %w", err)
	}
	return errors.Join(
		err, tracing.Validate(), c.validateScrub(),
		c.TLS.Validate("tls-"), c.OpsTLS.Validate("ops-tls-"), c.Auth.Validate(), c.Limits.Validate(),
		c.Bounds.Validate(), c.Log.Validate("log-"),
	)
}

// API returns the server of an API at addr whose callers guard knows. It does not listen yet.
func (c *Config) API(addr string, guard *auth.Guard, handler http.Handler, front web.Front) (*web.Server, error) {
	front.Quiet = c.QuietRequests
	if !c.Auth.AllowUnauthenticated {
		handler = guard.AgainstPages(handler)
	}
	proxies, err := web.ParseProxies(c.Proxies)
	if err != nil {
		return nil, err
	}
	config := web.Config{
		Addr: addr, Handler: front.Wrap(handler), Bounds: c.Bounds, Proxies: proxies,
		OnRefused: front.Metrics.ConnectionRefused,
	}
	return server(config, c.TLS, front.Logger)
}

// How long each listener of a service has to stop. Clients that stay silent are cut off earlier, see
// [web.Server.Stop].
const (
	APIStop = 4 * time.Second
	OpsStop = time.Second
)

// opsConnections is how many connections metrics and health may have: they must not take the descriptors that are kept
// for the file and Kafka.
const opsConnections = 100

// opsBounds are what clients may take of metrics and health, which answer in a second or two.
var opsBounds = web.Bounds{
	MaxConnections:    opsConnections,
	ReadHeaderTimeout: 5 * time.Second,
	ReadTimeout:       5 * time.Second,
	WriteTimeout:      30 * time.Second,
	IdleTimeout:       2 * time.Minute,
}

// Ops returns the server of metrics and health at addr. It does not listen yet.
func (c *Config) Ops(addr string, ops telemetry.Ops, logger zerolog.Logger) (*web.Server, error) {
	ops.Level, ops.Logger = c.Verbosity, logger
	return server(
		web.Config{Addr: addr, Handler: telemetry.OpsHandler(ops), Bounds: opsBounds, MakeRoom: true},
		c.OpsTLS,
		logger,
	)
}

func server(config web.Config, files tlsfiles.Config, logger zerolog.Logger) (*web.Server, error) {
	if files.On() {
		var err error
		if config.TLS, err = tlsfiles.Server(files, logger); err != nil {
			return nil, err
		}
	}
	return web.New(config, logger), nil
}

// Started returns a check that fails until begun says yes, and never again.
func Started(begun func() bool) telemetry.Check {
	return func(context.Context) error {
		if begun() {
			return nil
		}
		return errors.New("not started yet: wait")
	}
}

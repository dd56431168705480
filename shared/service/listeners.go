package service

import (
	"context"
	"net/http"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/service/lifecycle"
	"ordertally/shared/service/telemetry"
	"ordertally/shared/settings/tlsfiles"
	"ordertally/shared/web"
)

// The time that each listener has to stop. Silent clients are cut off earlier, see [web.Server.Stop].
const (
	apiStop = 4 * time.Second
	opsStop = time.Second
)

// opsBounds limit the clients of metrics and health, which answer within a second or two. Their connections must not
// take the descriptors reserved for the file and Kafka.
var opsBounds = web.Bounds{
	MaxConnections:    100,
	ReadHeaderTimeout: 5 * time.Second,
	ReadTimeout:       5 * time.Second,
	WriteTimeout:      30 * time.Second,
	IdleTimeout:       2 * time.Minute,
}

// listenAPI serves handler to callers that the guard knows.
func (s *Service) listenAPI(handler http.Handler, metrics *web.Metrics) error {
	if !s.config.Auth.AllowUnauthenticated {
		handler = s.Guard.AgainstPages(handler)
	}
	proxies, err := web.ParseProxies(s.config.Proxies)
	if err != nil {
		return err
	}
	front := web.Front{Metrics: metrics, Tracing: s.Tracing, Logger: s.Logger, Quiet: s.config.QuietRequests}
	s.api, err = server(web.Config{
		Addr: s.config.Listen, Handler: front.Wrap(handler), Bounds: s.config.Bounds, Proxies: proxies,
		OnRefused: metrics.ConnectionRefused,
	}, s.config.TLS, s.Logger)
	if err != nil {
		return err
	}
	if err := s.api.Start(); err != nil {
		return err
	}
	s.OnStop("API", lifecycle.Within(apiStop, s.api.Stop))
	for _, end := range s.endless {
		s.OnStop("endless requests", func(context.Context) error { end(); return nil })
	}
	s.group.Go("API", s.api.Wait)
	s.answers.Store(true)
	return nil
}

// listenOps serves metrics and health.
func (s *Service) listenOps(metrics *web.Metrics) (err error) {
	s.ops, err = opsServer(s.config, telemetry.Ops{
		Registry: s.Registry, Health: &s.Health, Guard: s.Guard, Metrics: metrics, Level: s.config.Verbosity,
		Logger: s.Logger,
	})
	if err != nil {
		return err
	}
	if err := s.ops.Start(); err != nil {
		return err
	}
	s.OnStop("ops listener", lifecycle.Within(opsStop, s.ops.Stop))
	s.group.Go("ops listener", s.ops.Wait)
	return nil
}

// opsServer returns the server of metrics and health. It does not listen yet.
func opsServer(c *Config, ops telemetry.Ops) (*web.Server, error) {
	return server(web.Config{
		Addr: c.OpsListen, Handler: telemetry.OpsHandler(ops), Bounds: opsBounds, MakeRoom: true,
	}, c.OpsTLS, ops.Logger)
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

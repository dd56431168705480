package web

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"syscall"

	"github.com/rs/zerolog"

	"ordertally/shared/service/fairshare"
)

// Server is one listener and its handler. Its methods are safe for concurrent use.
type Server struct {
	http     *http.Server
	addr     string // as configured
	bound    boundedListener
	under    *fairshare.Room // running HTTP/2 requests
	logger   zerolog.Logger
	cut      context.CancelFunc // cancels the contexts of all requests
	handled  underway           // requests being handled
	draining chan struct{}      // closed when Stop begins
	served   chan struct{}      // closed after serveErr is set

	mu       sync.Mutex
	listener net.Listener // nil before Start
	stopped  bool

	serveErr error
}

// New returns a server that does not listen yet. The logger should name the listener.
func New(cfg Config, logger zerolog.Logger) *Server {
	cfg = cfg.withDefaults()
	if most := affordable(cfg.MaxConnections); most < cfg.MaxConnections {
		logger.Warn().Int("max_connections", most).Int("wanted", cfg.MaxConnections).
			Msg("the process has too few file descriptors for max-connections: raise its limit (ulimit -n)")
		cfg.MaxConnections = most
	}
	cfg.MaxConnectionsOfAddress = min(cfg.MaxConnectionsOfAddress, max(1, cfg.MaxConnections/4))
	s := &Server{
		addr: cfg.Addr,
		bound: boundedListener{
			most: cfg.MaxConnections, mostOfOne: cfg.MaxConnectionsOfAddress, proxies: cfg.Proxies,
			refused: cfg.OnRefused, from: make(map[string]int),
			makeRoom: cfg.MakeRoom,
		},
		under:    fairshare.New(int64(cfg.MaxConnections), int64(cfg.MaxConnectionsOfAddress)),
		logger:   logger,
		draining: make(chan struct{}),
		served:   make(chan struct{}),
	}
	base := context.WithValue(context.Background(), drainingKey{}, s.draining)
	base, cut := context.WithCancel(context.WithValue(base, readTimeoutKey{}, cfg.ReadTimeout))
	s.cut = cut
	s.http = &http.Server{
		TLSConfig:         cfg.TLS,
		ReadHeaderTimeout: cfg.ReadHeaderTimeout,
		ReadTimeout:       cfg.ReadTimeout,
		WriteTimeout:      cfg.WriteTimeout,
		IdleTimeout:       cfg.IdleTimeout,
		MaxHeaderBytes:    cfg.MaxHeaderBytes,
		HTTP2:             http2,
		ErrorLog:          errorLog(logger),
		BaseContext:       func(net.Listener) context.Context { return base },
		ConnContext:       withConn,
		// "OPTIONS *" goes to the handler like any request.
		DisableGeneralOptionsHandler: true,
	}
	if cfg.Handler != nil {
		s.http.Handler = s.counted(s.bound.occupied(cfg.Proxies.Handler(s.streams(cfg.Handler))))
	}
	return s
}

// Start listens and begins to answer. Once it returns nil, connections are accepted. The error for a busy address names
// the address. A server starts once, and never after Stop.
func (s *Server) Start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.http.Handler == nil:
		return errors.New("start HTTP server: no handler")
	case s.listener != nil:
		return fmt.Errorf("start HTTP server on %s: already started", s.addr)
	case s.stopped:
		return fmt.Errorf("start HTTP server on %s: already stopped", s.addr)
	}
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", s.addr)
	if err != nil {
		return listenError(s.addr, err)
	}
	s.listener, s.bound.Listener = listener, listener
	serve := s.http.Serve
	if s.http.TLSConfig != nil {
		serve = func(l net.Listener) error { return s.http.ServeTLS(l, "", "") }
	}
	s.logger.Info().Str("addr", listener.Addr().String()).Bool("tls", s.http.TLSConfig != nil).Msg("listening")
	go func() {
		defer close(s.served)
		if err := serve(&s.bound); !errors.Is(err, http.ErrServerClosed) {
			s.serveErr = fmt.Errorf("serve HTTP on %s: %w", listener.Addr(), err)
		}
	}()
	return nil
}

// Addr is the address that the server listens on, with the real port in place of 0. Before Start it is the configured
// one.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener == nil {
		return s.addr
	}
	return s.listener.Addr().String()
}

// Wait blocks until ctx ends or the server has stopped. It returns an error only if the listener failed by itself. Call
// it after Start.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-s.served:
		return s.serveErr
	case <-ctx.Done():
		return nil
	}
}

// Stop accepts no more connections, tells live streams to end ([Draining]) and waits for the requests being handled. It
// cuts off clients that are silent for 2 s: they send no more of their request, or read no more of their answer.
//
// If ctx ends first, all connections are closed and the requests' contexts cancelled. The error then says how many
// requests were cut off that had arrived whole; their handlers may still be running. A listener that failed earlier is
// an error too. Stop before Start returns nil, and so does a second Stop after a clean one.
func (s *Server) Stop(ctx context.Context) error {
	s.mu.Lock()
	first := !s.stopped
	s.stopped = true
	listener := s.listener
	s.mu.Unlock()
	defer s.cut() // only after the connections are closed, or a handler could answer for a cancelled context
	if first {
		close(s.draining)
	}
	if listener == nil {
		return nil
	}
	patient, release := context.WithCancel(ctx)
	cutting := make(chan struct{})
	go func() {
		defer close(cutting)
		s.cutSilent(patient)
	}()
	err := s.http.Shutdown(ctx)
	release()
	<-cutting
	if ctx.Err() != nil && err != nil {
		whole := s.handled.whole()
		closed := s.http.Close()
		if err = ctx.Err(); whole > 0 {
			err = fmt.Errorf("stop HTTP server on %s: requests cut off: %d: %w", listener.Addr(), whole, err)
		} else {
			err = nil // only silent clients were cut off
		}
		err = errors.Join(err, closed)
	}
	<-s.served
	return errors.Join(err, s.serveErr)
}

type drainingKey struct{}

// Draining returns a channel that is closed when the request's server begins to stop. A handler without an end, such as
// a live stream, must return then. Without a Server of this package the channel is nil and never ready.
func Draining(ctx context.Context) <-chan struct{} {
	ch, _ := ctx.Value(drainingKey{}).(chan struct{})
	return ch
}

func (s *Server) counted(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer s.handled.begin(w, r).end()
		next.ServeHTTP(w, r)
	})
}

func listenError(addr string, err error) error {
	hint := ""
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		hint = ": another program uses this address; stop it, or choose another port (port 0 picks a free one)"
	case errors.Is(err, syscall.EACCES):
		hint = ": ports below 1024 need a privilege; choose a higher port"
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		hint = ": this machine does not have this address"
	}
	return fmt.Errorf("listen on %s%s: %w", addr, hint, err)
}

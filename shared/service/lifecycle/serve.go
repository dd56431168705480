package lifecycle

import (
	"context"
	"time"

	"github.com/rs/zerolog"
)

// stopTimeout bounds an orderly stop of a service: open requests, running writes, the file. `docker stop` kills after
// 10 s. Each step that waits for others has its own shorter bound.
const stopTimeout = 9 * time.Second

// Service is what a program runs.
type Service interface {
	// Start returns when the service answers, or with the error that prevents it.
	Start(ctx context.Context) error
	// Failed is closed when the service cannot go on.
	Failed() <-chan struct{}
	// Err tells why it cannot go on.
	Err() error
	// Stop returns when everything has stopped, or when ctx ends. Its error includes earlier failures.
	Stop(ctx context.Context) error
}

// Serve runs s until ctx ends or s fails, then stops it within 9 s. The error comes from Start or from Stop.
func Serve(ctx context.Context, s Service, logger zerolog.Logger) error {
	if err := s.Start(ctx); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		logger.Info().Msg("stopping")
	case <-s.Failed():
		logger.Error().Err(s.Err()).Msg("cannot go on")
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return s.Stop(stopCtx)
}

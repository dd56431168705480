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
	// Start returns when the service answers, or with the error that prevents it. Then it has stopped what it started.
	Start(ctx context.Context) error
	// Failed is closed when the service cannot go on.
	Failed() <-chan struct{}
	// Err tells why it cannot go on.
	Err() error
	// Stop returns when everything has stopped, or when ctx ends. Its error includes earlier failures.
	Stop(ctx context.Context) error
}

// Serve runs s until ctx ends or s fails, then stops it within 9 s. The error comes from Start or from Stop. That ctx
// ends while s starts is no error.
func Serve(ctx context.Context, s Service, logger zerolog.Logger) error {
	switch err := s.Start(ctx); {
	case Cancelled(ctx, err):
		logger.Info().Msg("told to stop before it had started")
		return nil
	case err != nil:
		return err
	}
	select {
	case <-ctx.Done():
		logger.Info().Msg("stopping")
	case <-s.Failed():
		logger.Error().Err(s.Err()).Msg("cannot go on")
	}
	stopCtx, cancel := stopping(ctx)
	defer cancel()
	return s.Stop(stopCtx)
}

// Abandon stops what a start had started before it failed with err. The stop has 9 s, even if ctx has ended. Abandon
// returns err, which tells what is wrong. If err says only that ctx was cancelled, it returns the error of the stop.
func Abandon(ctx context.Context, err error, stop StopFunc) error {
	stopCtx, cancel := stopping(ctx)
	defer cancel()
	if failed := stop(stopCtx); failed != nil && Cancelled(ctx, err) {
		return failed
	}
	return err
}

// stopping returns the context of a stop. It goes on when ctx ends.
func stopping(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
}

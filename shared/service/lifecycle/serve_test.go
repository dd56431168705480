package lifecycle_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"

	"github.com/rs/zerolog"

	"ordertally/shared/service/lifecycle"
)

// starting is a service that is told to stop while it starts.
type starting struct {
	fail func(ctx context.Context) error
	stop error
}

func (s starting) Start(ctx context.Context) error {
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		return err
	}
	<-ctx.Done()
	return lifecycle.Abandon(ctx, s.fail(ctx), func(ctx context.Context) error {
		if ctx.Err() != nil {
			return errors.New("the stop has no time")
		}
		return s.stop
	})
}
func (starting) Failed() <-chan struct{}    { return nil }
func (starting) Err() error                 { return nil }
func (starting) Stop(context.Context) error { return errors.New("it had not started") }

func TestServe_ToldToStopWhileItStarts(t *testing.T) {
	broken := func(context.Context) error { return errBroken }
	both := func(ctx context.Context) error { return errors.Join(ctx.Err(), errBroken) }
	cause := func(ctx context.Context) error { return fmt.Errorf("open: %w", context.Cause(ctx)) }
	for name, tc := range map[string]struct {
		service starting
		want    string
	}{
		"it stopped":          {starting{fail: func(ctx context.Context) error { return ctx.Err() }}, "<nil>"},
		"it says the cause":   {starting{fail: cause}, "<nil>"},
		"the stop failed":     {starting{fail: cause, stop: errBroken}, "broken"},
		"the start failed":    {starting{fail: broken}, "broken"},
		"both at once":        {starting{fail: both}, "context canceled\nbroken"},
		"the start's is more": {starting{fail: broken, stop: errors.New("also")}, "broken"},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := signal.NotifyContext(t.Context(), syscall.SIGUSR1)
			defer cancel()
			if err := lifecycle.Serve(ctx, tc.service, zerolog.Nop()); fmt.Sprint(err) != tc.want {
				t.Errorf("Serve() = %v, want %s", err, tc.want)
			}
		})
	}
}

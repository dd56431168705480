package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/rs/zerolog"

	"ordertally/shared/auth"
	"ordertally/shared/service/lifecycle"
	"ordertally/shared/service/telemetry"
	"ordertally/shared/settings"
)

// leastProcs is what GOMAXPROCS is at least, on one core too. The committer spends half its time in fsync; with a
// single P nobody else runs until the Go runtime takes that away from it. Measured on one core, with 64 clients: 14,000
// orders a second instead of 3,000 to 9,000.
const leastProcs = 2

// Run is a program's serve command: it opens the log, makes the service with it, and runs that until ctx ends or the
// service fails. Errors have the exit codes of package settings.
func Run(
	ctx context.Context, name string, c *Config, create func(zerolog.Logger) (lifecycle.Service, error),
) (err error) {
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) < leastProcs {
		runtime.GOMAXPROCS(leastProcs)
	}
	signal.Ignore(syscall.SIGPIPE) // a reader of standard error that goes away takes its lines with it, not the service
	log, err := telemetry.OpenLog(c.Log, os.Stderr, name)
	if err != nil {
		return settings.WithExitCode(fmt.Errorf("%s settings: %w", name, err), settings.ExitUsage)
	}
	defer func() {
		if err != nil && c.Log.File != "" { // standard error gets it from the program
			log.Logger.Error().Err(err).Msg("ended")
		}
		err = errors.Join(err, log.Close())
	}()
	c.Verbosity, c.Drops = log.Level, log.Drops
	service, err := create(log.Logger)
	if err != nil {
		return settings.WithExitCode(err, settings.ExitUsage)
	}
	err = lifecycle.Serve(ctx, service, log.Logger)
	if errors.Is(err, auth.ErrExposed) {
		return settings.WithExitCode(err, settings.ExitUsage)
	}
	return err
}

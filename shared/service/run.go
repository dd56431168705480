package service

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/KimMachineGun/automemlimit/memlimit"
	"github.com/rs/zerolog"

	"ordertally/shared/auth"
	"ordertally/shared/service/lifecycle"
	"ordertally/shared/service/telemetry"
	"ordertally/shared/settings"
)

// leastProcs is the minimum of GOMAXPROCS, even on one core. The committer spends half its time in fsync. With a single
// P, nothing else runs until the Go runtime takes the P away from it. Measured on one core, with 64 clients: 14,000
// orders a second instead of 3,000 to 9,000.
const leastProcs = 2

// Run is a program's serve command. It opens the log, makes the service, and runs it until ctx ends or the service
// fails. Errors have the exit codes of package settings.
func Run(
	ctx context.Context, name string, c *Config, create func(zerolog.Logger) (lifecycle.Service, error),
) (err error) {
	if os.Getenv("GOMAXPROCS") == "" && runtime.GOMAXPROCS(0) < leastProcs {
		runtime.GOMAXPROCS(leastProcs)
	}
	signal.Ignore(syscall.SIGPIPE) // a reader of standard error that goes away must not end the service
	log, err := telemetry.OpenLog(c.Log, os.Stderr, name)
	if err != nil {
		return settings.WithExitCode(fmt.Errorf("%s settings: %w", name, err), settings.ExitUsage)
	}
	defer func() {
		if err != nil && c.Log.File != "" { // the program writes it to standard error
			log.Logger.Error().Err(err).Msg("ended")
		}
		err = errors.Join(err, log.Close())
	}()
	c.Verbosity, c.Drops = log.Level, log.Drops
	c.Memory.apply(memlimit.FromCgroup, log.Logger)
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

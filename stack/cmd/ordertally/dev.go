package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/auth"
	"ordertally/shared/service/lifecycle"
	"ordertally/shared/service/telemetry"
	"ordertally/shared/settings"
	"ordertally/stack"
)

// stopTimeout bounds an orderly stop of everything.
const stopTimeout = 30 * time.Second

type devCmd struct{ devConfig }

// devConfig holds the settings of dev.
type devConfig struct {
	stack.Config
	// Start without the three days of real orders, and without the demo.
	NoImport bool `name:"no-import"`
	// Start without the demo: real orders that come again on the days up to now, with metadata.demo.
	NoDemo bool `name:"no-demo"`
}

// Run runs everything until ctx ends or a part fails.
func (c *devCmd) Run(ctx context.Context) error {
	signal.Ignore(syscall.SIGPIPE) // see service.Run
	log, err := telemetry.OpenLog(telemetry.LogConfig{Level: "info"}, os.Stderr, "ordertally")
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // what standard error no longer takes is lost
	c.Verbosity, c.Drops = log.Level, log.Drops
	s := stack.New(c.Config, log.Logger)
	switch err := s.Start(ctx); {
	case lifecycle.Cancelled(ctx, err): // it has stopped again
		return nil
	case errors.Is(err, auth.ErrExposed):
		return settings.WithExitCode(err, settings.ExitUsage)
	case err != nil:
		return err
	}
	err = c.tour(ctx, s, log.Logger)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil // Ctrl-C during the import
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return errors.Join(err, s.Stop(stopCtx))
}

// tour imports the samples, begins the demo, shows the banner and waits.
func (c *devCmd) tour(ctx context.Context, s *stack.Stack, logger zerolog.Logger) error {
	if !c.NoImport {
		placed, err := s.ImportSamples(ctx)
		if err != nil {
			return err
		}
		if placed > 0 {
			logger.Info().Int("orders", placed).Msg("imported the sample orders")
		}
	}
	if !c.NoImport && !c.NoDemo {
		demoCtx, cancel := context.WithCancel(ctx)
		placed, wait, err := s.Demo(demoCtx)
		if err != nil {
			cancel()
			return err
		}
		defer wait()
		defer cancel()
		if placed > 0 {
			logger.Info().Int("orders", placed).Msg(
				"placed the demo orders of the last eight days; more come (--no-demo: none)")
		}
	}
	var banner bytes.Buffer
	if err := s.Banner(ctx, &banner); err != nil {
		return err
	}
	// Do not wait. The reader of standard output may never read, or have gone.
	go func() { _, _ = os.Stdout.Write(banner.Bytes()) }()
	return s.Wait(ctx)
}

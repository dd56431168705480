package main

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/rs/zerolog"

	"ordertally/shared/telemetry"
	"ordertally/stack"
)

// stopTimeout bounds an orderly stop of everything.
const stopTimeout = 30 * time.Second

type devCmd struct {
	stack.Config
	NoImport bool `name:"no-import" help:"Start without the three days of real orders."`
}

// Run runs everything until ctx ends or a part fails.
func (c *devCmd) Run(ctx context.Context) error {
	logger := telemetry.NewLogger(os.Stderr, "ordertally")
	s := stack.New(c.Config, logger.Level(zerolog.InfoLevel))
	if err := s.Start(ctx); err != nil {
		return err
	}
	err := c.tour(ctx, s, logger)
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return errors.Join(err, s.Stop(stopCtx))
}

// tour imports the samples, shows the banner and waits.
func (c *devCmd) tour(ctx context.Context, s *stack.Stack, logger zerolog.Logger) error {
	if !c.NoImport {
		placed, err := s.ImportSamples(ctx)
		if err != nil {
			return interrupted(ctx, err)
		}
		if placed > 0 {
			logger.Info().Int("orders", placed).Msg("imported the sample orders")
		}
	}
	if err := s.Banner(ctx, os.Stdout); err != nil {
		return interrupted(ctx, err)
	}
	return s.Wait(ctx)
}

// interrupted drops an error that Ctrl-C caused.
func interrupted(ctx context.Context, err error) error {
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return nil
	}
	return err
}

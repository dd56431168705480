package main

import (
	"context"
	"errors"
	"os"

	"ordertally/order/orderd"
	"ordertally/shared/auth"
	"ordertally/shared/lifecycle"
	"ordertally/shared/outbox"
	"ordertally/shared/settings"
	"ordertally/shared/telemetry"
)

type serveCmd struct {
	orderd.Config
}

// Run runs the service until ctx ends or the service fails. The exit code of a fenced one is 3.
func (c *serveCmd) Run(ctx context.Context) error {
	logger := telemetry.NewLogger(os.Stderr, "order")
	service, err := orderd.New(c.Config, logger)
	if err != nil {
		return settings.WithExitCode(err, settings.ExitUsage)
	}
	err = lifecycle.Serve(ctx, service, logger)
	if errors.Is(err, auth.ErrExposed) {
		return settings.WithExitCode(err, settings.ExitUsage)
	}
	if errors.Is(err, outbox.ErrFenced) {
		return settings.WithExitCode(err, settings.ExitFenced)
	}
	return err
}

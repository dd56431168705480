package main

import (
	"context"
	"os"
	"time"

	"ordertally/order/orderd"
	"ordertally/shared/settings"
	"ordertally/shared/telemetry"
)

// stopTimeout bounds an orderly stop: open requests, the transaction being published, the file.
const stopTimeout = 20 * time.Second

type serveCmd struct {
	orderd.Config
}

// Run runs the service until ctx ends or the service fails.
func (c *serveCmd) Run(ctx context.Context) error {
	logger := telemetry.NewLogger(os.Stderr, "order")
	service, err := orderd.New(c.Config, logger)
	if err != nil {
		return settings.WithExitCode(err, settings.ExitUsage)
	}
	if err := service.Start(ctx); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		logger.Info().Msg("stopping")
	case <-service.Failed():
		logger.Error().Err(service.Err()).Msg("order cannot go on")
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return service.Stop(stopCtx) // what failed before is part of its error
}

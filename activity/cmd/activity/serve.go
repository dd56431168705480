package main

import (
	"context"
	"os"
	"time"

	"ordertally/activity/activityd"
	"ordertally/shared/settings"
	"ordertally/shared/telemetry"
)

// stopTimeout bounds an orderly stop: open requests, the batch being committed, the file.
const stopTimeout = 20 * time.Second

type serveCmd struct {
	activityd.Config
}

// Run runs the service until ctx ends or the service fails.
func (c *serveCmd) Run(ctx context.Context) error {
	logger := telemetry.NewLogger(os.Stderr, "activity")
	service, err := activityd.New(c.Config, logger)
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
		logger.Error().Err(service.Err()).Msg("activity cannot go on")
	}
	stopCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	return service.Stop(stopCtx) // what failed before is part of its error
}

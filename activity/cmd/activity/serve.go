package main

import (
	"context"
	"errors"
	"os"
	"runtime/debug"

	"ordertally/activity/activityd"
	"ordertally/shared/auth"
	"ordertally/shared/lifecycle"
	"ordertally/shared/settings"
	"ordertally/shared/telemetry"
)

type serveCmd struct {
	activityd.Config
}

// Run runs the service until ctx ends or the service fails.
func (c *serveCmd) Run(ctx context.Context) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(activityd.GCPercent)
	}
	logger := telemetry.NewLogger(os.Stderr, "activity")
	service, err := activityd.New(c.Config, logger)
	if err != nil {
		return settings.WithExitCode(err, settings.ExitUsage)
	}
	err = lifecycle.Serve(ctx, service, logger)
	if errors.Is(err, auth.ErrExposed) {
		return settings.WithExitCode(err, settings.ExitUsage)
	}
	return err
}

package main

import (
	"context"
	"os"

	"ordertally/order/orderd"
	"ordertally/shared/lifecycle"
	"ordertally/shared/settings"
	"ordertally/shared/telemetry"
)

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
	return lifecycle.Serve(ctx, service, logger)
}

package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/rs/zerolog"

	"ordertally/activity/activityd"
	"ordertally/activity/ingest"
	"ordertally/shared/service"
	"ordertally/shared/service/lifecycle"
)

type serveCmd struct {
	activityd.Config
}

// Run runs the service until ctx ends or the service fails.
func (c *serveCmd) Run(ctx context.Context) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(ingest.GCPercent)
	}
	return service.Run(ctx, "activity", &c.Config.Config, func(logger zerolog.Logger) (lifecycle.Service, error) {
		return activityd.New(c.Config, logger)
	})
}

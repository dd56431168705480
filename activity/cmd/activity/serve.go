package main

import (
	"context"
	"os"
	"runtime"

	"github.com/rs/zerolog"

	"ordertally/activity/activityd"
	"ordertally/shared/service"
	"ordertally/shared/service/lifecycle"
)

type serveCmd struct {
	activityd.Config
}

// ballastBytes is the size of heap that nothing touches, so that it takes no memory itself. A service that only answers
// has 7 MiB of live heap: under load it collected garbage five times a second, and each collection delays the requests
// of 10 ms. With ballast it does so once a second, for up to 130 MiB of memory.
const ballastBytes = 24 << 20

// Run runs the service until ctx ends or the service fails.
func (c *serveCmd) Run(ctx context.Context) error {
	if os.Getenv("GOGC") == "" {
		ballast := make([]byte, ballastBytes)
		defer runtime.KeepAlive(ballast)
	}
	return service.Run(ctx, "activity", &c.Config.Config, func(logger zerolog.Logger) (lifecycle.Service, error) {
		return activityd.New(c.Config, logger)
	})
}

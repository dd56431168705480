package main

import (
	"context"
	"errors"

	"github.com/rs/zerolog"

	"ordertally/order/orderd"
	"ordertally/shared/outbox"
	"ordertally/shared/service"
	"ordertally/shared/service/lifecycle"
	"ordertally/shared/settings"
)

type serveCmd struct {
	orderd.Config
}

// Run runs the service until ctx ends or the service fails. A fenced service exits with code 3.
func (c *serveCmd) Run(ctx context.Context) error {
	err := service.Run(ctx, "order", &c.Config.Config, func(logger zerolog.Logger) (lifecycle.Service, error) {
		return orderd.New(c.Config, logger)
	})
	if errors.Is(err, outbox.ErrFenced) {
		return settings.WithExitCode(err, settings.ExitFenced)
	}
	return err
}

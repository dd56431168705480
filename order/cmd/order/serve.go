package main

import (
	"context"
	"errors"
	"fmt"

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

// Run runs the service until ctx ends or the service fails. A service whose file was overtaken exits with code 3.
func (c *serveCmd) Run(ctx context.Context) error {
	err := service.Run(ctx, "order", &c.Config.Config, func(logger zerolog.Logger) (lifecycle.Service, error) {
		return orderd.New(c.Config, logger)
	})
	if errors.Is(err, outbox.ErrFenced) {
		return settings.WithExitCode(overtaken(err, c.Data), settings.ExitFenced)
	}
	return err
}

// overtaken adds to an error the ways on from a file that another service has overtaken.
func overtaken(err error, data string) error {
	const ways = "%w. %s is not served any more. " +
		"If the other service goes on, give it what only this file has: order handover --data %s --target URL. " +
		"If there is no other, make a file that has both: order restore --data NEW --base %s --from-topic --kafka " +
		"HOST:PORT. If this file is meant to go on as a copy with orders of its own: order serve --fork"
	return fmt.Errorf(ways, err, data, data, data)
}

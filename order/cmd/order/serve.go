package main

import (
	"context"
	"errors"
	"os"

	"github.com/rs/zerolog"

	"ordertally/order/orderd"
	"ordertally/shared/outbox"
	"ordertally/shared/service"
	"ordertally/shared/service/lifecycle"
	"ordertally/shared/settings"
	"ordertally/shared/settings/secret"
)

type serveCmd struct {
	orderd.Config
}

// Run runs the service until ctx ends or the service fails. The exit code of a fenced one is 3.
func (c *serveCmd) Run(ctx context.Context) error {
	c.KafkaSecurity.Password = kafkaPassword()
	err := service.Run(ctx, &c.Serving, "order",
		func(logger zerolog.Logger) (lifecycle.Service, error) { return orderd.New(c.Config, logger) })
	if errors.Is(err, outbox.ErrFenced) {
		return settings.WithExitCode(err, settings.ExitFenced)
	}
	return err
}

// saslVariable is the environment variable that holds the password for Kafka. It is no flag, because others on the
// machine can see those.
const saslVariable = "ORDER_KAFKA_SASL_PASSWORD"

func kafkaPassword() secret.Text { return secret.New(os.Getenv(saslVariable)) }

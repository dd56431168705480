package main

import (
	"context"
	"errors"
	"os"

	"github.com/rs/zerolog"

	"ordertally/order/orderd"
	"ordertally/shared/broker"
	"ordertally/shared/lifecycle"
	"ordertally/shared/outbox"
	"ordertally/shared/serving"
	"ordertally/shared/settings"
)

type serveCmd struct {
	orderd.Config
}

// Run runs the service until ctx ends or the service fails. The exit code of a fenced one is 3.
func (c *serveCmd) Run(ctx context.Context) error {
	c.KafkaSecurity.Password = kafkaPassword()
	err := serving.Run(ctx, &c.Serving, "order", func(logger zerolog.Logger) (lifecycle.Service, error) { return orderd.New(c.Config, logger) })
	if errors.Is(err, outbox.ErrFenced) {
		return settings.WithExitCode(err, settings.ExitFenced)
	}
	return err
}

// kafkaPassword is the password for Kafka that the environment has: it is no flag, because others on the machine can see those.
func kafkaPassword() broker.Secret { return broker.Secret(os.Getenv("ORDER_KAFKA_SASL_PASSWORD")) }

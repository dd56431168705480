package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/rs/zerolog"

	"ordertally/activity/activityd"
	"ordertally/shared/broker"
	"ordertally/shared/lifecycle"
	"ordertally/shared/serving"
)

type serveCmd struct {
	activityd.Config
}

// Run runs the service until ctx ends or the service fails.
func (c *serveCmd) Run(ctx context.Context) error {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(activityd.GCPercent)
	}
	c.KafkaSecurity.Password = kafkaPassword()
	return serving.Run(ctx, &c.Serving, "activity", func(logger zerolog.Logger) (lifecycle.Service, error) {
		return activityd.New(c.Config, logger)
	})
}

// kafkaPassword is the password for Kafka that the environment has: it is no flag, because others on the machine can see those.
func kafkaPassword() broker.Secret { return broker.Secret(os.Getenv("ACTIVITY_KAFKA_SASL_PASSWORD")) }

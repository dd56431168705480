package main

import (
	"context"
	"os"
	"runtime/debug"

	"github.com/rs/zerolog"

	"ordertally/activity/activityd"
	"ordertally/shared/service"
	"ordertally/shared/service/lifecycle"
	"ordertally/shared/settings/secret"
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
	return service.Run(ctx, &c.Serving, "activity", func(logger zerolog.Logger) (lifecycle.Service, error) {
		return activityd.New(c.Config, logger)
	})
}

// saslVariable is the environment variable that holds the password for Kafka. It is no flag, because others on the
// machine can see those.
const saslVariable = "ACTIVITY_KAFKA_SASL_PASSWORD"

func kafkaPassword() secret.Text { return secret.New(os.Getenv(saslVariable)) }

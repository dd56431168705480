package main

import (
	"context"
	"os"

	"ordertally/stack"
)

type metricsCmd struct{}

// Run prints tables of all metrics of both services.
func (metricsCmd) Run(ctx context.Context) error {
	order, activity, err := stack.Metrics(ctx)
	if err != nil {
		return err
	}
	if err := stack.WriteMetrics(os.Stdout, "order", order); err != nil {
		return err
	}
	if _, err := os.Stdout.WriteString("\n"); err != nil {
		return err
	}
	return stack.WriteMetrics(os.Stdout, "activity", activity)
}

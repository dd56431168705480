package tracing

import (
	"context"
	"errors"
	"fmt"
)

// Validate says which of the variables Start would refuse. It connects to nothing.
func Validate() error {
	if !Configured() {
		return nil
	}
	ctx := context.Background()
	_, err := describe(ctx, "")
	sender, senderErr := exporter(ctx)
	if senderErr != nil {
		return errors.Join(err, fmt.Errorf("send traces: look at the OTEL_ variables: %w", senderErr))
	}
	return errors.Join(err, sender.Shutdown(ctx))
}

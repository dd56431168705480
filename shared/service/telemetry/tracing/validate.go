package tracing

import (
	"context"
	"errors"
	"fmt"

	"github.com/rs/zerolog"
)

// Validate says which of the variables Start would refuse. It connects to nothing, and leaves it to Start to log what
// is only doubtful.
func Validate() error {
	if !Configured() {
		return nil
	}
	listen(zerolog.Nop())
	ctx := context.Background()
	_, err := describe(ctx, "")
	sender, senderErr := exporter(ctx)
	if senderErr != nil {
		return errors.Join(err, fmt.Errorf("send traces: look at the OTEL_ variables: %w", senderErr))
	}
	return errors.Join(err, sender.Shutdown(ctx))
}

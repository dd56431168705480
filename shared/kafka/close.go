package kafka

import (
	"time"

	"github.com/rs/zerolog"
)

// closeTimeout bounds closing one client. A stop waits for it.
const closeTimeout = 2 * time.Second

// closeInTime runs closing and goes on without it after closeTimeout. While a broker is away, librdkafka may never
// finish (librdkafka issues 4519 and 4674; seen in one close of thirty). Nothing that matters is left in a client.
func closeInTime(logger zerolog.Logger, what string, closing func()) {
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		closing()
	}()
	timer := time.NewTimer(closeTimeout)
	defer timer.Stop()
	select {
	case <-closed:
	case <-timer.C:
		logger.Warn().Dur("after", closeTimeout).Msg("a Kafka " + what + " is slow to close: going on without it")
	}
}

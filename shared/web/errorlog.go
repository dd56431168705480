package web

import (
	"log"
	"strings"

	"github.com/rs/zerolog"
)

// errorLog passes net/http's own messages, such as a failed handshake, to logger. They are sampled, because any client
// can cause them.
func errorLog(logger zerolog.Logger) *log.Logger {
	return log.New(lineWriter{Sampled(logger)}, "", 0)
}

type lineWriter struct{ logger zerolog.Logger }

func (w lineWriter) Write(line []byte) (int, error) {
	w.logger.Warn().Msg(strings.TrimSuffix(string(line), "\n"))
	return len(line), nil
}

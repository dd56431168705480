package web

import (
	"log"
	"strings"

	"github.com/rs/zerolog"
)

// errorLog gives net/http's own complaints (a handler that misuses its writer, an accept that failed for now, a
// handshake that is none) to logger, of a flood only some: anybody can cause them.
func errorLog(logger zerolog.Logger) *log.Logger {
	return log.New(lineWriter{Sampled(logger)}, "", 0)
}

type lineWriter struct{ logger zerolog.Logger }

func (w lineWriter) Write(line []byte) (int, error) {
	w.logger.Warn().Msg(strings.TrimSuffix(string(line), "\n"))
	return len(line), nil
}

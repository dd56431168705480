package devbroker

import (
	"errors"
	"fmt"
	"sync"

	"github.com/rs/zerolog"
	"github.com/twmb/franz-go/pkg/kfake"
)

// brokerLog passes on the broker's warnings. It also returns those of the last write, because kfake's Close only logs
// what it could not save.
type brokerLog struct {
	to zerolog.Logger

	mu         sync.Mutex
	collecting bool
	errs       []error
}

// Logf implements kfake.Logger.
func (l *brokerLog) Logf(level kfake.LogLevel, format string, args ...any) {
	if level > kfake.LogLevelWarn {
		return
	}
	text := fmt.Sprintf(format, args...)
	l.to.Warn().Str("component", "devbroker").Msg(text)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.collecting && level == kfake.LogLevelError {
		l.errs = append(l.errs, errors.New(text))
	}
}

func (l *brokerLog) collect() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.collecting = true
}

func (l *brokerLog) collected() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.errs...)
}

package broker

import (
	"sync"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/rs/zerolog"
)

// logPump passes librdkafka's log lines on. They repeat for as long as a broker is down, so they are debug lines: what an
// operator must know is logged once by whoever uses the client.
type logPump struct {
	lines chan kafka.LogEvent
	quit  chan struct{}
	ended sync.WaitGroup
}

func startLogPump(logger zerolog.Logger) *logPump {
	p := &logPump{lines: make(chan kafka.LogEvent, 100), quit: make(chan struct{})}
	p.ended.Go(func() {
		for {
			select {
			case line := <-p.lines:
				logger.Debug().Str("client", line.Name).Str("facility", line.Tag).Msg(line.Message)
			case <-p.quit:
				return
			}
		}
	})
	return p
}

// stop ends the pump; the client must be closed before.
func (p *logPump) stop() {
	close(p.quit)
	p.ended.Wait()
}

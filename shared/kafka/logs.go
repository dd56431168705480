package kafka

import (
	"sync"
	"sync/atomic"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/rs/zerolog"
)

// logPump passes librdkafka's log lines on. They repeat for as long as a broker is down, so they are debug lines: what
// an operator must know is logged once by whoever uses the client.
type logPump struct {
	lines chan confluent.LogEvent
	quit  chan struct{}
	ended sync.WaitGroup

	watched atomic.Pointer[string]
	broken  atomic.Bool // a connection of the watched client broke
}

// lineOfFailure is what librdkafka calls the lines about connections that failed.
const lineOfFailure = "FAIL"

// watch has broken set when a connection of the client with this name breaks. librdkafka sends no event when that is
// the one to a coordinator, to which commits go, or while another broker is up: only its log tells.
func (p *logPump) watch(client string) { p.watched.Store(&client) }

func (p *logPump) note(line *confluent.LogEvent) {
	const info = 6 // of syslog's levels: debugging lines speak of other things too
	if name := p.watched.Load(); name != nil && line.Name == *name && line.Tag == lineOfFailure && line.Level <= info {
		p.broken.Store(true)
	}
}

func startLogPump(logger zerolog.Logger) *logPump {
	p := &logPump{lines: make(chan confluent.LogEvent, 100), quit: make(chan struct{})}
	p.ended.Go(func() {
		for {
			select {
			case line := <-p.lines:
				p.note(&line)
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

package kafka

import (
	"sync"
	"sync/atomic"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
	"github.com/rs/zerolog"
)

// logPump passes on librdkafka's log lines, at debug level because they repeat as long as a broker is down. What an
// operator must know is logged once by the code that uses the client.
type logPump struct {
	lines chan confluent.LogEvent
	quit  chan struct{}
	ended sync.WaitGroup

	watched atomic.Pointer[string]
	broken  breakage
}

// breakage passes on that a connection of a client broke, or that a request of it was not answered in time. The zero
// value passes on nothing.
type breakage struct {
	tell atomic.Pointer[func(what string)]
}

// on has note call tell, any number of times and from any goroutine, until on is called again.
func (b *breakage) on(tell func(what string)) { b.tell.Store(&tell) }

func (b *breakage) note(what string) {
	if tell := b.tell.Load(); tell != nil {
		(*tell)(what)
	}
}

// librdkafka's names for log lines about failed connections, and about requests that were not answered in time.
const (
	lineOfFailure = "FAIL"
	lineOfTimeout = "REQTMOUT"
)

// watch notes in broken when a connection of the client with this name breaks, or gives no answer in time. librdkafka
// sends no event for the connection to a coordinator, to which commits go, or while another broker is up. Only its log
// tells.
func (p *logPump) watch(client string) { p.watched.Store(&client) }

func (p *logPump) note(line *confluent.LogEvent) {
	const info = 6 // syslog's level; debug lines have this name for other things too
	failed := line.Tag == lineOfFailure || line.Tag == lineOfTimeout
	if name := p.watched.Load(); failed && name != nil && line.Name == *name && line.Level <= info {
		p.broken.note(line.Message)
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

// stop ends the pump. The client must be closed first.
func (p *logPump) stop() {
	close(p.quit)
	p.ended.Wait()
}

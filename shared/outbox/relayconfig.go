package outbox

import (
	"time"

	"ordertally/shared/service/lifecycle"
	"ordertally/shared/settings"
)

// RelayConfig configures a Relay. The zero value is ready for use. Some fields are settings.
type RelayConfig struct {
	// How long to wait for more messages before sending what there is.
	//
	// It counts from when the relay saw the first of them. Messages that must be read from the file are a backlog and
	// do not wait.
	Linger time.Duration `name:"linger" default:"0s" range:"0s..1m"`
	// Most messages in one transaction.
	BatchMessages int `name:"batch-messages" default:"10000" range:"1..1000000"`
	// About the most bytes in one transaction.
	BatchBytes int `name:"batch-bytes" default:"8388608" range:"1..1073741824" unit:"bytes"`
	// Refusals after which a message is parked.
	//
	// Only refusals count that are the message's own fault, and no outage.
	MaxAttempts int `name:"max-attempts" default:"10" range:"1..1000000"`
	// Retry is the wait between attempts at one message.
	Retry Backoff `embed:"" prefix:"retry-"`

	// Outage is the wait between attempts to reach the publisher. Default: 100 ms, doubled up to 2 s, with full jitter.
	Outage Backoff `kong:"-"`
	// OpenTimeout limits one attempt to open a session. Default 15 s.
	OpenTimeout time.Duration `kong:"-"`
	// PublishTimeout limits one transaction. After it the outcome is unknown. Default 20 s.
	PublishTimeout time.Duration `kong:"-"`
	// CheckEvery is how often the relay checks that the publisher still has what was last published. It also checks at
	// the start of each session. Default 1 h.
	CheckEvery time.Duration `kong:"-"`
	// Recovery compares file and publisher when a session begins. Default nil: the publisher's watermark is taken as
	// true.
	Recovery Recovery `kong:"-"`
	// StallAfter is how long one step may take before Check calls the relay stalled. Default 1 min. Every step has a
	// limit well below that, in an outage too. So a longer one will not end by itself.
	StallAfter time.Duration `kong:"-"`
}

func (c *RelayConfig) setDefaults() {
	settings.Fill(c)
	setDefault(&c.Outage, Backoff{First: 100 * time.Millisecond, Factor: 2, Limit: 2 * time.Second})
	setDefault(&c.OpenTimeout, 15*time.Second)
	setDefault(&c.PublishTimeout, 20*time.Second)
	setDefault(&c.CheckEvery, time.Hour)
	setDefault(&c.StallAfter, lifecycle.StallAfter)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

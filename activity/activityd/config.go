package activityd

import (
	"errors"
	"fmt"
	"time"

	"ordertally/activity"
	"ordertally/activity/declare"
	"ordertally/shared/clock"
	"ordertally/shared/kafka"
	"ordertally/shared/service"
)

// Config is the settings of the activity service. A zero field has its default.
type Config struct {
	service.Config `embed:"" set:"listen=127.0.0.1:8090" set:"ops_listen=127.0.0.1:8091" set:"data=activity.db"` //nolint:staticcheck // SA5008: kong takes each tag set

	DedupRetention  time.Duration `name:"dedup-retention" default:"336h0m0s" range:"1s.." help:"How long to recognise a foreign message that comes again."`
	BatchMessages   int           `name:"batch-messages" default:"5000" range:"1..100000" help:"Most messages counted in one transaction."`
	ReadAheadBytes  int           `name:"read-ahead-bytes" default:"67108864" range:"1..2147483647" unit:"bytes" help:"About the most bytes read from Kafka ahead of the counting, for each activity."`
	MaxRecordBytes  int           `name:"max-record-bytes" default:"2097152" range:"1024..67108864" unit:"bytes" help:"Largest record that is counted. A larger one is parked with its offset and headers but without its value."`
	RetryFirst      time.Duration `name:"retry-first" default:"50ms" range:"1ms..1h" help:"First wait between two attempts to reach Kafka; it grows."`
	RetryLimit      time.Duration `name:"retry-limit" default:"1s" range:"1ms..1h" help:"What that wait grows to."`
	LedgerBytes     int64         `name:"ledger-bytes" default:"1073741824" range:"1.." unit:"bytes" help:"Most bytes of parked messages of an activity, and of late ones; of more only the position is kept."`
	LedgerRetention time.Duration `name:"ledger-retention" default:"2160h0m0s" range:"1s.." help:"How long parked and late messages are kept."`
	Zone            string        `name:"zone" default:"UTC" help:"Time zone of days when a request names none, such as Europe/London."`
	LiveListeners   int           `name:"live-listeners" default:"2000" range:"1.." help:"Most live streams that may be open at once."`
	Activities      declare.Text  `name:"activities" placeholder:"YAML" yaml:"" help:"Activities to count besides ORDER_CREATED: a YAML list, see the README."`

	Clock clock.Clock `kong:"-"` // for tests; nil is the machine's
}

// Validate implements settings.Group.
func (c *Config) Validate(prefix string) (err error) {
	if c.RetryLimit < c.RetryFirst {
		err = fmt.Errorf("%sretry-limit: %v is less than %[1]sretry-first, %[3]v", prefix, c.RetryLimit, c.RetryFirst)
	}
	if _, wrong := activity.LoadZone(c.Zone); wrong != nil {
		err = errors.Join(err, fmt.Errorf("%szone: %w", prefix, wrong))
	}
	return err
}

// Definitions are those of all activities, ORDER_CREATED first.
func (c *Config) Definitions() ([]activity.Definition, error) {
	declared, err := declare.Parse(string(c.Activities))
	return declare.With(declare.OrderCreated(c.Topic), declared), err
}

// Consumer is how to read the topic of an activity. Lag monitors find the service's positions under the group's name.
func (c *Config) Consumer(def *activity.Definition) kafka.ConsumerConfig {
	return kafka.ConsumerConfig{
		Brokers: c.Kafka, Security: c.KafkaSecurity, Topic: def.Topic, GroupID: "ordertally-activity",
		ReadAheadBytes: c.ReadAheadBytes, MaxRecordBytes: c.MaxRecordBytes,
		RetryFirst: c.RetryFirst, RetryLimit: c.RetryLimit, Clock: c.Clock,
	}
}

package activityd

import (
	"ordertally/activity"
	"ordertally/activity/activitystore"
	"ordertally/activity/declare"
	"ordertally/activity/ingest"
	"ordertally/shared/clock"
	"ordertally/shared/event"
	"ordertally/shared/kafka"
	"ordertally/shared/service"
	"ordertally/shared/web/webpage"
)

// Config has the settings of the activity service. A zero field has its default.
type Config struct {
	//nolint:staticcheck // SA5008: kong takes each tag set
	service.Config `embed:"" set:"listen=127.0.0.1:8090" set:"ops_listen=127.0.0.1:8091" set:"data=activity.db"`

	// Time zone of days when a request names none, such as Europe/London.
	Zone activity.ZoneName `name:"zone" default:"UTC"`
	// Most live streams that may be open at once.
	LiveListeners int `name:"live-listeners" default:"2000" range:"1.."`
	// Activities to count besides ORDER_CREATED: a YAML list, see docs/activities.md.
	Activities declare.Text `name:"activities" placeholder:"YAML" yaml:""`
	// Where a browser finds the order service, such as https://orders.example.com. The page links to it. Empty: no
	// links.
	OrderURL webpage.Address `name:"order-url" placeholder:"URL"`

	Consumer kafka.ConsumerConfig  `embed:""`
	Ingest   ingest.Config         `embed:""`
	Store    activitystore.Options `embed:""`
	Clock    clock.Clock           `kong:"-"` // for tests; nil is the machine's clock
}

// Reading returns how to read the topic of some activities. Lag monitors find the positions under the group's name.
func (c *Config) Reading(of ...activity.Definition) kafka.ConsumerConfig {
	reading := c.Consumer
	reading.Brokers, reading.Security, reading.Topic = c.Kafka, c.KafkaSecurity, of[0].Topic
	reading.GroupID, reading.Clock = "ordertally-activity", c.Clock
	for i := range of {
		if of[i].Source != event.Source { // order's messages have slots, which are remembered for ever
			reading.KeyRetention = c.Store.DedupRetention
		}
	}
	return reading
}

package orderd

import (
	"time"

	"ordertally/order/ack"
	"ordertally/order/admission"
	"ordertally/shared/kafka"
	"ordertally/shared/outbox"
	"ordertally/shared/service"
	"ordertally/shared/web/webpage"
)

// Config holds the settings of the order service. A zero field has its default.
type Config struct {
	//nolint:staticcheck // SA5008: kong takes each tag set
	service.Config `embed:"" set:"listen=127.0.0.1:8080" set:"ops_listen=127.0.0.1:8081" set:"data=order.db"`

	// How to publish: transactional is exactly once; idempotent needs no right to transactions and is at least once.
	PublishMode string `name:"publish-mode" default:"transactional" enum:"transactional,idempotent"`
	// How long an idempotency key is known.
	IdempotencyRetention time.Duration `name:"idempotency-retention" default:"720h" range:"1m..876000h"`
	// How long published messages are kept in the file.
	OutboxRetention time.Duration `name:"outbox-retention" default:"168h" range:"1m..876000h"`
	// Of a file that another service has gone on from: go on as a copy, with a lineage of its own. Holds for one fork;
	// start without it afterwards.
	Fork bool `name:"fork"`

	// Where a browser finds the activity service, such as https://statistics.example.com. The console links to it, and
	// the service asks it when orders were counted. Empty: neither.
	ActivityURL webpage.Address `name:"activity-url" placeholder:"URL"`

	Ack       ack.Config            `embed:""`
	Admission admission.Config      `embed:"" prefix:"admission-"`
	Outbox    outbox.Config         `embed:"" prefix:"outbox-"`
	Relay     outbox.RelayConfig    `embed:"" prefix:"outbox-"`
	Publisher kafka.PublisherConfig `embed:""`
}

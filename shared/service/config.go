package service

import (
	"time"

	"ordertally/shared/auth"
	"ordertally/shared/auth/ratelimit"
	"ordertally/shared/backup"
	"ordertally/shared/kafka"
	"ordertally/shared/service/telemetry"
	"ordertally/shared/settings/tlsfiles"
	"ordertally/shared/web"
)

// Config holds the settings that every service has. A service embeds it. With the tag set it gives its own defaults for
// listen, ops_listen and data.
type Config struct {
	// Address of the API and its pages (host:port, port 0 picks a free one).
	Listen string `name:"listen" default:"${listen}" check:"address"`
	// Address of metrics and health.
	OpsListen string `name:"ops-listen" default:"${ops_listen}" check:"address"`
	// Database file; its directory must exist.
	Data string `name:"data" default:"${data}"`

	// Kafka brokers, host:port separated by commas.
	Kafka         []string       `name:"kafka" default:"127.0.0.1:9092" check:"address"`
	KafkaSecurity kafka.Security `embed:"" prefix:"kafka-"`
	// Topic of the orders' messages.
	Topic string `name:"topic" default:"order.activity.v1"`

	TLS    tlsfiles.Config  `embed:"" prefix:"tls-"`     // of the API's listener
	OpsTLS tlsfiles.Config  `embed:"" prefix:"ops-tls-"` // of the listener for metrics and health
	Auth   auth.Config      `embed:""`
	Limits ratelimit.Config `embed:""`
	Bounds web.Bounds       `embed:""` // of the API's listener
	// Proxies before the API, addresses or CIDR ranges: their X-Forwarded-For tells the client's address for limits and
	// log.
	Proxies web.ProxyNames `name:"trusted-proxies" placeholder:"CIDR"`

	Backup backup.Config `embed:"" prefix:"backup-"`

	// How often the whole database file is checked for damage, in small steps.
	ScrubInterval time.Duration       `name:"scrub-interval" default:"24h" range:"1s.."`
	Log           telemetry.LogConfig `embed:"" prefix:"log-"` // for Run; a caller of New brings its own logger
	Memory        MemoryConfig        `embed:""`               // for Run

	// Verbosity is the level of the logger, if the ops listener may change it. Drops counts the lines that the logger
	// lost.
	Verbosity *telemetry.Level `kong:"-"`
	Drops     *telemetry.Drops `kong:"-"`
	// QuietRequests logs successful requests only at level debug.
	QuietRequests bool `kong:"-"`
	// MayBeNew says that a database file that is made is no reason for a warning.
	MayBeNew bool `kong:"-"`
}

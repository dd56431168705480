package orderd

import (
	"errors"
	"fmt"
	"net"

	"ordertally/shared/event"
)

// Config of the order service. A zero field has its default. The tags make it the flags of `order serve` as well;
// FlagDefaults has the variables in them.
type Config struct {
	// Listen is the address of the API. Default 127.0.0.1:8080; port 0 picks a free one.
	Listen string `default:"${listen}" help:"Address of the API (host:port, port 0 picks a free one)." name:"listen"`
	// OpsListen is the address of /metrics, /livez and /readyz. Default 127.0.0.1:8081.
	OpsListen string `default:"${ops_listen}" help:"Address of metrics and health." name:"ops-listen"`
	// Data is the database file. Its directory must exist. Default order.db in the working directory.
	Data string `default:"${data}" help:"Database file; its directory must exist." name:"data"`
	// Kafka names at least one broker. Default 127.0.0.1:9092.
	Kafka []string `default:"${kafka}" help:"Kafka brokers, host:port separated by commas." name:"kafka"`
	// Topic that ORDER_CREATED is published to. Default event.Topic.
	Topic string `default:"${topic}" help:"Topic of ORDER_CREATED." name:"topic"`
}

const (
	defaultListen    = "127.0.0.1:8080"
	defaultOpsListen = "127.0.0.1:8081"
	defaultData      = "order.db"
	defaultKafka     = "127.0.0.1:9092"
)

// FlagDefaults returns the variables that Config's tags speak of.
func FlagDefaults() map[string]string {
	return map[string]string{
		"listen": defaultListen, "ops_listen": defaultOpsListen, "data": defaultData, "kafka": defaultKafka, "topic": event.Topic,
	}
}

func (c Config) withDefaults() Config {
	def := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	def(&c.Listen, defaultListen)
	def(&c.OpsListen, defaultOpsListen)
	def(&c.Data, defaultData)
	def(&c.Topic, event.Topic)
	if len(c.Kafka) == 0 {
		c.Kafka = []string{defaultKafka}
	}
	return c
}

func (c Config) validate() error {
	var errs []error
	address := func(name, value string) {
		if _, _, err := net.SplitHostPort(value); err != nil {
			errs = append(errs, fmt.Errorf("%s: %q is not HOST:PORT", name, value))
		}
	}
	address("listen", c.Listen)
	address("ops-listen", c.OpsListen)
	for _, broker := range c.Kafka {
		address("kafka", broker)
	}
	return errors.Join(errs...)
}

package orderd

import (
	"errors"
	"fmt"
	"net"

	"ordertally/shared/event"
)

// Config of the order service. The tags make it the flags of `order serve` as well.
type Config struct {
	// Listen is the address of the API. Port 0 picks a free one.
	Listen string `default:"127.0.0.1:8080" help:"Address of the API (host:port, port 0 picks a free one)." name:"listen"`
	// OpsListen is the address of /metrics, /livez and /readyz.
	OpsListen string `default:"127.0.0.1:8081" help:"Address of metrics and health." name:"ops-listen"`
	// Data is the database file. Its directory must exist.
	Data string `default:"order.db" help:"Database file; its directory must exist." name:"data"`
	// Kafka names at least one broker.
	Kafka []string `default:"127.0.0.1:9092" help:"Kafka brokers, host:port separated by commas." name:"kafka"`
	// Topic that ORDER_CREATED is published to. Default event.Topic.
	Topic string `default:"${topic}" help:"Topic of ORDER_CREATED." name:"topic"`
}

func (c *Config) validate() error {
	if c.Topic == "" {
		c.Topic = event.Topic
	}
	var errs []error
	for name, address := range map[string]string{"listen": c.Listen, "ops-listen": c.OpsListen} {
		if _, _, err := net.SplitHostPort(address); err != nil {
			errs = append(errs, fmt.Errorf("%s: %q is not HOST:PORT", name, address))
		}
	}
	if c.Data == "" {
		errs = append(errs, errors.New("data: name the database file"))
	}
	if len(c.Kafka) == 0 {
		errs = append(errs, errors.New("kafka: name at least one broker as HOST:PORT"))
	}
	return errors.Join(errs...)
}

package kafka

import (
	"maps"
	"strings"

	confluent "github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// MaxMessageBytes is the largest message that topic and producer accept: 2 MiB.
const MaxMessageBytes = 2 << 20

// clientConfig returns the settings of all clients and the given ones.
func clientConfig(brokers []string, security *Security, logs chan confluent.LogEvent,
	more confluent.ConfigMap) (*confluent.ConfigMap, error) {
	secured, err := security.settings()
	if err != nil {
		return nil, err
	}
	config := confluent.ConfigMap{
		"bootstrap.servers":        strings.Join(brokers, ","),
		"client.id":                "ordertally",
		"allow.auto.create.topics": false,
		"enable.metrics.push":      false,
		// Reconnects within a second of a broker's return.
		"reconnect.backoff.ms":     50,
		"reconnect.backoff.max.ms": 1000,
		"socket.keepalive.enable":  true,
		"log.connection.close":     false,
		"go.logs.channel.enable":   true,
		"go.logs.channel":          logs,
	}
	maps.Copy(config, secured)
	maps.Copy(config, more)
	return &config, nil
}

func newProducer(brokers []string, security *Security, logs chan confluent.LogEvent,
	more confluent.ConfigMap) (*confluent.Producer, error) {
	config, err := clientConfig(brokers, security, logs, more)
	if err != nil {
		return nil, err
	}
	return confluent.NewProducer(config)
}

func newConsumer(brokers []string, security *Security, logs chan confluent.LogEvent,
	more confluent.ConfigMap) (*bulkConsumer, error) {
	config, err := clientConfig(brokers, security, logs, more)
	if err != nil {
		return nil, err
	}
	return newBulkConsumer(config)
}

// Package kafka is Kafka as the services use it. A Publisher sends an outbox's messages in transactions. A Consumer
// reads a topic from positions that its user keeps. No other package imports confluent-kafka-go.
//
// librdkafka must not create topics, reset offsets, commit offsets or join groups by itself. The file config.go
// switches this off.
package kafka

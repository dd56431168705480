// Package kafka is Kafka as the services use it: Publisher, which sends an outbox's messages in transactions, and
// Consumer, which reads a topic from positions that its user keeps. It is the only importer of confluent-kafka-go.
//
// What librdkafka does by itself and must not do here is switched off in one place, config.go: creating topics,
// resetting offsets, committing offsets, group membership.
package kafka

package activity

import "ordertally/shared/event"

// Definition says which messages an activity counts.
type Definition struct {
	Name   string // in the API and in the store, such as ORDER_CREATED
	Topic  string // the topic it reads
	Type   string // the ce_type of its messages; others on the topic are poison
	Schema string // the ce_dataschema it understands; another version is poison
}

// OrderCreated returns the activity that counts the orders of the order service, read from that topic.
func OrderCreated(topic string) Definition {
	return Definition{Name: event.TypeCreated, Topic: topic, Type: event.TypeCreated, Schema: event.Schema}
}

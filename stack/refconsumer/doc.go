// Package refconsumer is a consumer of the orders as another company would write it. It is based only on
// docs/reference/messages.md and docs/order-created.schema.json, uses a Kafka client and imports nothing from this
// module. It is for tests only. If it disagrees with the activity service, one of the two, or the documents, is wrong.
//
//	Kafka ── Read ── Ledger.Take: envelope, schema, ce_id counted before? ── orders and revenue of each day
//	                                                 └── Lineage: what is still to come
package refconsumer

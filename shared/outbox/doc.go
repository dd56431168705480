// Package outbox is a transactional outbox in a bbolt file. A message is appended in the transaction that writes what
// the message reports. A relay publishes each message exactly once, and those of one key in the order written.
//
//	Append(tx, msg) ── commit ──> queue in memory ──┐
//	                     └──────> rows by slot ─────┴──> Relay ── one transaction: messages + watermark ──> Publisher
//
// A message's slot is its number in the file. It is given inside the transaction, so slots are gapless and in commit
// order. Each commit also puts its messages into a bounded queue in memory, so the relay needs no read for a new
// message. A full queue is dropped. The relay then reads rows by slot until it has caught up, as it does after a start.
//
// A message is published if its slot is at most the watermark and was not skipped. The watermark is committed in the
// transaction that publishes the messages. A message that fails through its own fault is skipped, waits, and is tried
// again under a new slot at the tail. After MaxAttempts it is parked, and an operator decides. Messages of its key wait
// behind it until it is published or parked. Others never wait. An outage is charged to no message.
//
// Package recovery finds out, when a session is opened, that the file was copied or restored, or that the publisher
// lost records. It corrects that: see Incident. ErrFenced ends a relay whose lineage another process has taken over.
//
// Comments name the rules of docs/protocol.md, such as P1.
//
// The package knows no Kafka client: see Publisher. Published messages are deleted once they are older than
// Config.Retention.
package outbox

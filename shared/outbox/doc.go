// Package outbox is a transactional outbox in a bbolt file: a message is appended in the transaction that writes what
// it tells of, and a relay publishes it, in the order written for each key, exactly once.
//
//	Append(tx, msg) ── commit ──> queue in memory ──┐
//	                     └──────> rows by slot ─────┴──> Relay ── one transaction: messages + watermark ──> Publisher
//
// A message's slot is its number in the file, taken inside the transaction: gapless, in commit order. The relay is fed
// by a bounded queue that each commit fills, so that a new message costs no read. When the queue is full it is dropped
// and the relay reads the rows by slot until it has caught up; the same way it finds at start what was not sent.
//
// Published means: the slot is at most the watermark, which travels with the messages in one transaction, and is
// not one of the few that were skipped. A message that fails through its own fault is skipped, waits, and is tried
// again under a new slot at the tail; after MaxAttempts it is parked, where an operator sees it. Messages of its key
// wait behind it until it is published or parked; others never wait. An outage of the publisher is nobody's fault and
// spends no attempts.
//
// A file that was copied or restored, and a publisher that lost what it had, are recognised when a session is opened,
// and put right, by package recovery: see Incident. ErrFenced ends a relay whose lineage another process has taken
// over.
//
// The rules named P1 to P8 in comments are those of docs/protocol.md.
//
// The package knows no client: see Publisher. Published messages are deleted when they are older than
// Config.Retention.
package outbox

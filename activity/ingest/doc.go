// Package ingest reads a topic into a store: record -> event -> statistics.
//
//	Source ── fetch and decode ──> one batch waits ── apply ──> Store (one transaction a batch)
//
// One goroutine fetches and decodes ahead while the other commits the batch before. A record that cannot be counted is
// poison: it is parked in the transaction that moves past it, and never stops a partition (rule C5).
//
// The positions are the Store's (rule C2). The package does not decide what is a duplicate, and when the topic no longer
// holds the position to go on from it ends with an error: it never resets.
package ingest

// Package ingest reads a topic into a store: record -> event -> statistics.
//
//	Source ── fetch ──> decode ──> apply ──> Store (one transaction a batch)
//
// Each stage is a goroutine, and at most one batch waits between two of them. While one batch is committed, the next is
// decoded and the one after it fetched. A record that cannot be counted is parked in the transaction that moves past
// it. It never stops a partition (rule C5).
//
// The positions are the Store's (rule C2). The package does not decide what is a duplicate. It never resets: if the
// topic no longer holds the position to go on from, it ends with an error.
package ingest

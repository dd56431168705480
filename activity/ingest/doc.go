// Package ingest reads a topic into a store: record -> event -> statistics.
//
//	Source ── fetch ──> decode ──> apply ──> Store (one transaction a fetch)
//
// Each stage is a goroutine, and at most one batch waits between two of them. While one batch is committed, the next is
// decoded and the one after it fetched. A record that cannot be counted is parked in the transaction that moves past
// it. It never stops a partition (rule C5).
//
// The positions are the Store's (rule C2), which also decides what is a duplicate. If the topic is no longer what was
// read, the Source decides where reading goes on.
package ingest

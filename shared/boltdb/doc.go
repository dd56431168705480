// Package boltdb is one bbolt file as the services use it: opened with care, written by one committer, read only once
// durable.
//
//	callers ── Write(fn) ──> committer ── one bbolt transaction, one fsync ──> file
//	                             └── AfterCommit hooks in commit order, then every caller's answer
//
// Whoever writes shares one goroutine: it takes whatever requests are waiting, runs them in one bbolt transaction and
// answers all of them after the fsync (group commit). One Update per request costs an fsync each instead.
//
// It does not retry, does not migrate schemas and does not know what is stored.
package boltdb

// Package boltdb is one bbolt file as the services use it: opened with care, written by one committer, and read only
// when durable.
//
//	callers ── Write(fn) ──> committer ── one bbolt transaction, one fsync ──> file
//	                             └── AfterCommit hooks in commit order, then every caller's answer
//
// All writers share one goroutine. It takes the waiting requests, runs them in one bbolt transaction and answers all of
// them after the fsync (group commit). One bbolt Update per request would cost an fsync each.
//
// A file names its Format, which tells which service owns it. Package codec encodes its records.
//
// The package does not retry, does not migrate formats and does not know what is stored.
package boltdb

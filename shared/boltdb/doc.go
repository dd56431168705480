// Package boltdb is one bbolt file as the services use it: opened with care, written by one committer, and read only
// when durable.
//
//	callers ── Write(fn) ──> committer ── one bbolt transaction, one fsync ──> file
//	                             └── AfterCommit hooks in commit order, then every caller's answer
//
// All writers share one goroutine. It takes the requests that wait, runs them in one bbolt transaction and answers all
// of them after the fsync (group commit). One bbolt Update per request would cost an fsync each.
//
// A file names its Format, which says whose it is. Package codec is the form of its records.
//
// The package does not retry, does not migrate formats and does not know what is stored.
package boltdb

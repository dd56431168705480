// Package runs keeps indexes whose keys are random in a bbolt file, so that writing them costs no random page.
//
//	Append ──> log ─────────────── in the writer's transaction
//	             └──> memtable ─── after its commit ──── fold ──> run ── merge ──> run ── drop
//
// An entry is a hash of 16 bytes and a rest of fixed size. A writer appends entries to the log, in its own transaction.
// After the commit they are in a memtable as well, which answers lookups. When a segment of the log is full, it is
// folded: its entries are written in order of their hashes as a run, and the segment is dropped. Neighbouring runs of
// like size are merged, so few have to be looked at. A filter tells, almost always, that a run does not have a hash.
//
// A run does not exist before its meta record does. That is written last, in the transaction that deletes the segment
// or the meta records of the runs it replaces. So a crash at any moment loses no entry. What a run without a meta
// record holds is garbage. It is dropped in small steps. Numbers of runs and segments are never used again.
//
// The package does not know what the rest of an entry means. Two texts may have one hash: whoever looks up confirms
// what it found.
package runs

// Package restore makes a new order file after a disk was lost: out of the topic, out of a backup, or out of both
// (rules P12 and P13 of docs/protocol.md).
//
//	base ──> copy what can be read ─┐
//	                                ├──> absorb ──> the lineage's next epoch ──> the file gets its name
//	topic ──> fence ──> read it all ┘
//
// The file gets its name when it is complete and on the disk. Nothing of one that was interrupted looks ready.
package restore

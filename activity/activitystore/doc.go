// Package activitystore keeps everything the activity service knows in one bbolt file: what was counted, which messages
// that were, and where to read on. One batch is one transaction (rule C1), so that no crash parts them.
//
// The layout:
//
//	<activity>/bins/<quarter hour><partition>     -> totals, see encodeTotals
//	<activity>/inbox/...                          -> see package inbox
//	<activity>/positions/<topic>/<partition>      -> JSON of activity.Position
//	<activity>/<ledger>/<topic>/<partition><offset><digest> -> one message of a ledger, see encodeKept
//	<activity>/reading/<topic>                    -> JSON: where the run began that has not ended in order
//	<activity>/declared                           -> JSON: what its measures and dimensions mean, by name
//	<activity>/state                              -> JSON: time of the last batch, sizes of the ledgers
//
// Numbers in keys are big endian: 8 bytes for quarter hours and offsets, 4 for partitions. Bins are apart by partition
// so that the state of a partition can move to another machine; by time first, so that a day is one scan. Every record
// carries a checksum that is checked whenever it is read.
//
// The package does not know Kafka, time zones, or what makes a message poison.
package activitystore

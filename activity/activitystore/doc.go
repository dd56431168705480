// Package activitystore keeps everything the activity service knows in one bbolt file: what was counted, which messages
// these were, and where to read on. One fetch is one transaction (rule C1), so no crash separates them.
//
// The layout:
//
//	<activity>/bins/<quarter hour><partition>     -> totals, see encodeTotals
//	<activity>/merged/<first quarter hour><end><part> -> what a local day adds up to, see encodeMerged
//	<activity>/inbox/...                          -> see package inbox
//	<activity>/positions/<topic>/<partition>      -> JSON of activity.Position
//	<activity>/<ledger>/<topic>/<partition><offset><digest> -> one message of a ledger, see encodeKept
//	<activity>/reading/<topic>                    -> JSON: where the run began that has not ended in order
//	<activity>/declared                           -> JSON: what its measures and dimensions mean, by name
//	<activity>/rebuild/...                        -> the same once more, of an activity that is counted again
//	<activity>/rebuild/rebuild                    -> JSON: since when, by whom, and how the activity was declared
//	<activity>/replaced/<number>/...              -> buckets that are dropped in steps
//	<activity>/state                              -> JSON: time of the last batch, sizes of the ledgers
//
// Numbers in keys are big endian: 8 bytes for quarter hours and offsets, 4 for partitions. The key of a bin begins with
// the time, so that a day is one scan. Each partition has its own bins, so that its state can move to another machine.
// Every record has a checksum, which is checked at each read.
//
// The package does not know Kafka, time zones, or what makes a message poison.
package activitystore

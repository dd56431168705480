// Package inbox tells whether a message is read for the first time, so that it takes effect once (the pattern of the
// idempotent consumer, or inbox).
//
// What was read is written in the transaction of its effects: a crash keeps both or neither. Two sets know a message:
//
//   - The processed keys are the ids of all messages, with a digest of what they say. They are kept by day of arrival
//     and dropped a day at a time.
//   - The covered slots of each lineage (a database file whose outbox writes messages) are kept for ever, as intervals.
//     A message says which slot was published before its own. The slots between were skipped and are never published,
//     so the message covers them too, and a lineage stays a few intervals long.
//
// The id decides as long as it is kept, the slot afterwards (rule C3a). So a forged slot cannot silence the messages of
// a lineage. With keys alone, a message would take effect twice after their retention. A high-water mark of the slots
// would drop messages when partitions interleave.
//
// The layout, in the bucket that the caller gives:
//
//	keys/<day>/<id>          -> when it was first read and what it said, see entry; id packed, see packID
//	sizes/<day>              -> number of keys of that day, 8 bytes big endian
//	sizes/dropped            -> the newest day that was dropped
//	sizes/lineages           -> number of lineages, 8 bytes big endian
//	lineages/<lineage>       -> nothing
//	slots/<lineage>/<last>   -> up to 256 intervals, of which the last ends there, see encodeIntervals
//
// Every record has a checksum. The package opens no transaction, keeps nothing in memory between two of them, and does
// not know what the messages say.
package inbox

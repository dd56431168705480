// Package inbox tells a message that is read for the first time from one that was read before, so that what it does
// is done once (the idempotent consumer, or inbox, pattern).
//
// What was read is written in the transaction of what it did: a crash keeps both or neither. Two sets know a message:
//
//   - the processed keys: the ids of all messages, with a digest of what they say, kept by the day they arrived and
//     dropped a day at a time;
//   - the counted slots: for each lineage (a database file whose outbox wrote the message) the slots read, as
//     intervals, for ever. A message says which slot was published before its own; the slots between were skipped and
//     never will be, so the message covers them and a lineage stays a few intervals long.
//
// The id decides while it can be known, the slot afterwards (rule C3a): whoever writes a forged slot cannot silence the
// messages of a lineage. Keys alone would do a message twice after their retention; a high-water mark of the slots
// would drop messages when partitions interleave.
//
// The layout, in the bucket that the caller gives:
//
//	keys/<day>/<id>          -> when it was first read and what it said, see entry; id packed, see packID
//	sizes/<day>              -> number of keys of that day, 8 bytes big endian
//	sizes/dropped            -> the newest day that was dropped
//	sizes/lineages           -> number of lineages, 8 bytes big endian
//	lineages/<lineage>       -> nothing
//	slots/<lineage>/<last>   -> <first>   one interval, both ends in it, 8 bytes big endian
//
// Every record carries a checksum. The package opens no transaction, keeps nothing in memory between two, and knows
// nothing of the messages' contents.
package inbox

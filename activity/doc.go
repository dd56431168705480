// Package activity is the domain of the activity service: what an event adds to the statistics, and which statistics
// make up a day in a time zone. It has no files, no network and no clock.
//
//	event ── Quarter ──> Totals of a quarter hour, UTC ── Zone ──> Day in any IANA zone
//
// Statistics are kept by quarter hours of the events' own time, in UTC. Every offset in use today is a multiple of a
// quarter hour, so one store has the days of every zone. Some days of the past do not consist of whole quarter hours.
// They are refused, never rounded.
//
// A [Batch] is what goes into a store. An [AsOf] says which messages an answer contains. Packages ingest and
// activityapi declare the stores that they use. Package activitystore implements them.
package activity

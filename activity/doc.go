// Package activity is the domain of the activity service: what an event adds to the statistics, and which of them make
// up a day in a time zone. It is pure: no file, no network, no clock.
//
//	event ── Quarter ──> Totals of a quarter hour, UTC ── Zone ──> Day in any IANA zone
//
// Statistics are kept a quarter hour of the event's own time, in UTC. Every offset from UTC in use today is a multiple
// of that, so one store answers a day of every zone. The days of the past that do not consist of whole quarter hours
// are refused, never rounded.
//
// A [Batch] is what goes into a store, an [AsOf] says which messages an answer contains. The stores themselves are
// declared by their users, packages ingest and activityapi, and implemented by activitystore.
package activity

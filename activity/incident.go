package activity

import "time"

// IncidentKind is the kind of an incident. The set is closed, because the API's document lists it.
type IncidentKind string

// The kinds of incidents. The first three are those of a position that reading could not go on from.
const (
	IncidentTruncated IncidentKind = "truncated" // Kafka lost the end of a partition
	IncidentRecreated IncidentKind = "recreated" // the topic was deleted and made again
	IncidentExpired   IncidentKind = "expired"   // records were deleted before they were read
	IncidentForged    IncidentKind = "forged"    // another program wrote messages with a lineage that is not its own
)

// IncidentKinds returns all of them.
func IncidentKinds() []IncidentKind {
	return []IncidentKind{IncidentTruncated, IncidentRecreated, IncidentExpired, IncidentForged}
}

// Incident is something about the topic that an operator should know of, and what was done about it.
type Incident struct {
	// When it was found.
	At time.Time `json:"at"`
	// What was found.
	Kind IncidentKind `json:"kind"`
	// The partition that it was found in, or the first of several.
	Partition int32 `json:"partition" minimum:"0"`
	// The offset in that partition: where reading should have gone on, or of the first message that is meant.
	Offset int64 `json:"offset" minimum:"0"`
	// How many messages are not in the statistics, or were counted although they may be forged. 0 if none.
	Messages int64 `json:"messages" minimum:"0"`
	// What was found and done. For people.
	Text string `json:"text"`
}

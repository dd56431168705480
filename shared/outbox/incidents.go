package outbox

import (
	"encoding/json"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb/codec"
)

// IncidentKind is the kind of an incident. The set is closed, because the values label metrics.
type IncidentKind string

// The kinds of incidents.
const (
	// A process published something and died before it recorded it.
	IncidentRecovered        IncidentKind = "recovered"
	IncidentWatermarkLost    IncidentKind = "watermark_lost"    // the publisher forgot the watermark
	IncidentWatermarkForeign IncidentKind = "watermark_foreign" // another program set the watermark
	IncidentForged           IncidentKind = "forged"            // another program wrote records with this lineage
	IncidentLogRecreated     IncidentKind = "log_recreated"     // the log was deleted and recreated
	IncidentRepublished      IncidentKind = "republished"       // the log lost messages; they were published again
	// the file was overtaken, and went on under a new lineage
	IncidentForked            IncidentKind = "forked"
	IncidentPartitionsMissing IncidentKind = "partitions_missing" // the log has fewer partitions than messages go to
	IncidentFenced            IncidentKind = "fenced"             // another service took over; the process ended
	IncidentSuperseded        IncidentKind = "superseded"         // messages handed over belong to other ones' keys
)

// IncidentKinds lists every kind.
func IncidentKinds() []IncidentKind {
	return []IncidentKind{
		IncidentRecovered,
		IncidentWatermarkLost,
		IncidentWatermarkForeign,
		IncidentForged,
		IncidentLogRecreated,
		IncidentRepublished,
		IncidentForked,
		IncidentPartitionsMissing,
		IncidentFenced,
		IncidentSuperseded,
	}
}

// Incident is a difference between the file and the log, and what was done about it.
type Incident struct {
	// When it was found.
	At time.Time `json:"at"`
	// What was found.
	Kind IncidentKind `json:"kind"`
	// The slot up to which file and log agreed.
	Slot uint64 `json:"sequence"`
	// How many messages were dealt with.
	Messages int `json:"messages"`
	// What was found and done. For people.
	Text string `json:"text"`
}

// maxIncidents is how many are kept. The oldest go first.
const maxIncidents = 1000

func putIncident(root *bbolt.Bucket, f *Incident) error {
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	bucket := root.Bucket(incidentsBucket)
	number, err := bucket.NextSequence()
	if err != nil {
		return err
	}
	key := slotKey(number)
	if err := bucket.Put(key, codec.Seal(key, text)); err != nil || number <= maxIncidents {
		return err
	}
	return bucket.Delete(slotKey(number - maxIncidents))
}

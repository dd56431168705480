package ingest

import (
	"cmp"
	"slices"
	"time"

	"ordertally/activity"
	"ordertally/shared/kafka"
)

// Trial finds out what an activity would make of records, without counting them. It is not safe for concurrent use.
type Trial struct {
	decoder *decoder
}

// Tried is what an activity would make of one record.
type Tried struct {
	Partition int32
	Offset    int64
	ID        string           // of its message; "" when it is passed over or parked
	At        time.Time        // when its event happened
	Poison    *activity.Poison // why it would be parked; nil otherwise
}

// NewTrial returns one of an activity.
func NewTrial(def activity.Definition) *Trial { return &Trial{newDecoder(&def)} }

// Look decodes a record.
func (t *Trial) Look(r *kafka.Record) Tried {
	tried := Tried{Partition: r.Partition, Offset: r.Offset}
	switch b := t.decoder.batch(kafka.Fetched{Records: []kafka.Record{*r}}); {
	case len(b.Messages) > 0:
		tried.ID, tried.At = b.Messages[0].ID, b.Messages[0].Event.At
	case len(b.Parked) > 0:
		tried.Poison = &b.Parked[0].Poison
	}
	return tried
}

// Outlook is a summary of what an activity would make of records.
type Outlook struct {
	Records     int
	Counted     int       // would be
	Repeated    int       // have the id of one before
	PassedOver  int       // are another activity's
	First, Last time.Time // of the events that would be counted; zero when there is none
	Parked      []OutlookReason
}

// OutlookReason is one reason for which records would be parked.
type OutlookReason struct {
	Reason  activity.Reason
	Records int
	Example Tried // the first of them
}

// Sum sums up.
func Sum(all []Tried) Outlook {
	o := Outlook{Records: len(all)}
	ids := make(map[string]bool, len(all))
	for _, tried := range all {
		switch {
		case tried.Poison != nil:
			o.park(tried)
		case tried.ID == "":
			o.PassedOver++
		case ids[tried.ID]:
			o.Repeated++
		default:
			ids[tried.ID] = true
			o.Counted++
			if o.First.IsZero() || tried.At.Before(o.First) {
				o.First = tried.At
			}
			if tried.At.After(o.Last) {
				o.Last = tried.At
			}
		}
	}
	slices.SortStableFunc(o.Parked, func(a, b OutlookReason) int { return cmp.Compare(b.Records, a.Records) })
	return o
}

func (o *Outlook) park(tried Tried) {
	at := slices.IndexFunc(o.Parked, func(r OutlookReason) bool { return r.Reason == tried.Poison.Reason })
	if at < 0 {
		at = len(o.Parked)
		o.Parked = append(o.Parked, OutlookReason{Reason: tried.Poison.Reason, Example: tried})
	}
	o.Parked[at].Records++
}

package outbox

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"ordertally/shared/boltdb/codec"
)

// FindingKind is what was found amiss between the file and the place that it publishes to. It is a closed set: the
// values label metrics.
type FindingKind string

// The kinds of findings.
const (
	FoundRecovered   FindingKind = "recovered"    // published by a process that died before it recorded that
	FoundMarkLost    FindingKind = "mark_lost"    // the place forgot the watermark
	FoundMarkForeign FindingKind = "mark_foreign" // another program set the watermark
	FoundForged      FindingKind = "forged"       // another program wrote records with this lineage
	FoundPlaceNew    FindingKind = "place_new"    // the place was deleted and recreated
	FoundRepublished FindingKind = "republished"  // the place lost messages, which were published again
	FoundFork        FindingKind = "forked"       // the file is a copy: it went on under a new lineage
	FoundFenced      FindingKind = "fenced"       // a copy took over: the process ended
)

// FindingKinds lists every kind.
func FindingKinds() []FindingKind {
	return []FindingKind{
		FoundRecovered,
		FoundMarkLost,
		FoundMarkForeign,
		FoundForged,
		FoundPlaceNew,
		FoundRepublished,
		FoundFork,
		FoundFenced,
	}
}

// Finding says what was found amiss and what was done about it.
type Finding struct {
	At       time.Time   `json:"at" doc:"When it was found."`
	Kind     FindingKind `json:"kind" doc:"What was found."`
	Slot     uint64      `json:"sequence" doc:"The slot up to which file and topic agreed."`
	Messages int         `json:"messages" doc:"How many messages were dealt with."`
	Text     string      `json:"text" doc:"What was found and done. For people."`
}

// maxFindings is how many are kept; the oldest go first.
const maxFindings = 1000

func (o *Outbox) finding(kind FindingKind, slot uint64, messages int, format string, args ...any) Finding {
	return Finding{At: o.config.Clock.Now().UTC(), Kind: kind, Slot: slot, Messages: messages,
		Text: fmt.Sprintf(format, args...)}
}

func putFinding(root *bbolt.Bucket, f Finding) error {
	text, err := json.Marshal(f)
	if err != nil {
		return err
	}
	bucket := root.Bucket(findingsBucket)
	number, err := bucket.NextSequence()
	if err != nil {
		return err
	}
	key := slotKey(number)
	if err := bucket.Put(key, codec.Seal(key, text)); err != nil || number <= maxFindings {
		return err
	}
	return bucket.Delete(slotKey(number - maxFindings))
}

// Findings returns the newest findings, at most limit, newest first.
func (o *Outbox) Findings(ctx context.Context, limit int) (findings []Finding, err error) {
	err = o.db.View(ctx, func(tx *bbolt.Tx) error {
		cursor := tx.Bucket(rootBucket).Bucket(findingsBucket).Cursor()
		for key, sealed := cursor.Last(); key != nil && len(findings) < limit; key, sealed = cursor.Prev() {
			text, err := codec.Unseal(key, sealed)
			if err != nil {
				return fmt.Errorf("read finding %d: %w", slotOf(key), err)
			}
			var f Finding
			if err := json.Unmarshal(text, &f); err != nil {
				return fmt.Errorf("read finding %d: %w", slotOf(key), err)
			}
			findings = append(findings, f)
		}
		return nil
	})
	return findings, err
}

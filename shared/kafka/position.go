package kafka

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"

	"ordertally/shared/event/cloudevent"
)

// Position is where reading a partition goes on, and what shows that the place is still the same (rule C4).
type Position struct {
	Offset      int64        // of the next record
	LeaderEpoch int32        // of the record before it; -1 when it is not known
	TopicID     string       // of the topic it was read from; "" when that is not known
	Checkpoints []Checkpoint // records that were read, the newest first; without any the place is taken on trust
}

// Checkpoint is a record that was read and should still stand where it stood.
type Checkpoint struct {
	Offset   int64
	Identity string // see identityOf
}

// identityOf returns what a record is recognised by when it is read again, 32 hexadecimal digits: its lineage and slot,
// which stay when an order service publishes it again, else key, value and headers.
func identityOf(r *Record) string {
	if r.identity != "" {
		return r.identity
	}
	var lineage, sequence []byte
	for i := range r.Headers {
		switch r.Headers[i].Key {
		case cloudevent.HeaderLineage:
			lineage = r.Headers[i].Value
		case cloudevent.HeaderSequence:
			sequence = r.Headers[i].Value
		}
	}
	h := sha256.New()
	if len(lineage) > 0 && len(sequence) > 0 {
		part(h, lineage)
		part(h, sequence)
	} else {
		part(h, r.Key)
		part(h, r.Value)
		for i := range r.Headers {
			part(h, []byte(r.Headers[i].Key))
			part(h, r.Headers[i].Value)
		}
	}
	const size = 16
	return hex.EncodeToString(h.Sum(nil)[:size])
}

// part writes b so that no two lists of parts look alike.
func part(h hash.Hash, b []byte) {
	_, _ = h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b)))) //nolint:gosec // a record is far smaller
	_, _ = h.Write(b)
}

const (
	maxCheckpoints    = 12
	checkpointSpacing = 100 // nearer to each other than that to the newest, checkpoints are not worth their place
)

// addCheckpoint puts a newer checkpoint in front and thins out the others: the distances from the newest grow about
// tenfold from one to the next but one, so that few of them lie close behind any place where a log may have been cut
// off.
func addCheckpoint(checkpoints []Checkpoint, newest Checkpoint) []Checkpoint {
	all := append([]Checkpoint{newest}, checkpoints...)
	kept := all[:1:1]
	for i := 1; i < len(all); i++ {
		before := max(newest.Offset-kept[len(kept)-1].Offset, checkpointSpacing)
		if i+1 < len(all) && newest.Offset-all[i+1].Offset <= 10*before {
			continue // the next one covers it
		}
		kept = append(kept, all[i])
	}
	return kept[:min(len(kept), maxCheckpoints)]
}

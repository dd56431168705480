package kafka

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"

	"ordertally/shared/event/cloudevent"
)

// Position is where reading a partition goes on, with what shows that the log is still the same (rule C4).
type Position struct {
	Offset      int64        // of the next record
	LeaderEpoch int32        // of the record before it; -1 if not known
	TopicID     string       // of the topic that was read; "" if not known
	Checkpoints []Checkpoint // records that were read, the newest first; without any the offset is trusted
}

// Checkpoint is a record that was read and should still be at its offset.
type Checkpoint struct {
	Offset   int64
	Identity string // see identityOf
}

// identityOf returns 32 hexadecimal digits by which a record is recognised when it is read again. They stand for
// lineage and slot, which stay the same when order publishes a message again. For other records they stand for key,
// value and headers.
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

// part writes b so that different lists of parts never give the same bytes.
func part(h hash.Hash, b []byte) {
	_, _ = h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(b)))) //nolint:gosec // a record is far smaller
	_, _ = h.Write(b)
}

const (
	maxCheckpoints    = 12
	checkpointSpacing = 100 // checkpoints closer to the newest than this are not worth keeping
)

// addCheckpoint puts a newer checkpoint in front and thins out the others. The distance from the newest grows about
// tenfold every two checkpoints, so that a few of them cover every place where a log may have been truncated.
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

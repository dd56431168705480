package kafka

// Reason says why reading a partition did not go on at its position.
type Reason string

// The reasons. The set is closed, because the values label metrics.
const (
	// Truncated: Kafka lost the end of the log. It is shorter than what was read, or has other records there.
	Truncated Reason = "truncated"
	// Recreated: the topic was deleted and created again.
	Recreated Reason = "recreated"
	// Expired: records were deleted before they were read. They are lost to the reader.
	Expired Reason = "expired"
)

// Reasons returns all of them.
func Reasons() []Reason { return []Reason{Truncated, Recreated, Expired} }

// Reposition says that reading a partition did not go on at its position.
type Reposition struct {
	Partition int32
	Reason    Reason
	From      int64 // the next offset to be read until then
	To        int64 // the offset that is read next instead; above From only if records expired
}

// reading is how far one partition was read. It belongs to the goroutine that fetches.
type reading struct {
	next        int64 // offset of the next record; past control records once the end was seen
	epoch       int32
	topicID     string
	checkpoints []Checkpoint

	low, high int64 // what could be read of the log when it was last checked
	// awaiting: reading started again at checkpoints[0], so the next record must be that checkpoint's.
	awaiting bool
	cut      bool // a newer checkpoint was not found: the log was truncated
}

func readingAt(p Position) *reading {
	return &reading{next: p.Offset, epoch: p.LeaderEpoch, topicID: p.TopicID, checkpoints: p.Checkpoints}
}

func (r *reading) position() Position {
	return Position{Offset: r.next, LeaderEpoch: r.epoch, TopicID: r.topicID, Checkpoints: r.checkpoints}
}

// look notes what the broker says about the log, and returns the offset to start from.
func (r *reading) look(topicID string, low, high int64) (start int64, moved *Reposition) {
	recreated := r.topicID != "" && topicID != "" && r.topicID != topicID
	if topicID != "" {
		r.topicID = topicID
	}
	r.low, r.high, r.awaiting = low, high, false
	if recreated {
		return low, r.move(Recreated, low)
	}
	return r.aim()
}

// aim returns where to start: at the newest checkpoint that the log can still have, to see whether it does. Without one
// it is the position itself if that is in the log, and otherwise the log's start.
func (r *reading) aim() (start int64, moved *Reposition) {
	for len(r.checkpoints) > 0 && r.checkpoints[0].Offset >= r.high {
		r.checkpoints, r.cut = r.checkpoints[1:], true
	}
	r.cut = r.cut || r.next > r.high
	switch {
	case len(r.checkpoints) > 0 && r.checkpoints[0].Offset >= r.low:
		r.awaiting = true
		return r.checkpoints[0].Offset, nil
	case r.cut:
		return r.low, r.move(Truncated, r.low)
	case r.next < r.low:
		return r.low, r.move(Expired, r.low)
	}
	return r.next, nil
}

// found takes the first record after a start at a checkpoint. If it is the checkpoint's, reading goes on after it.
// Otherwise stands is false, and aim says where to look next.
func (r *reading) found(record *Record) (stands bool, moved *Reposition) {
	checkpoint := r.checkpoints[0]
	if record.Offset != checkpoint.Offset || identityOf(record) != checkpoint.Identity {
		r.miss()
		return false, nil
	}
	r.awaiting = false
	if r.cut {
		older := r.checkpoints
		moved = r.move(Truncated, checkpoint.Offset+1)
		r.checkpoints, r.epoch = older, record.LeaderEpoch
	}
	return true, moved
}

// miss gives up the awaited checkpoint.
func (r *reading) miss() { r.checkpoints, r.cut, r.awaiting = r.checkpoints[1:], true, false }

func (r *reading) move(reason Reason, to int64) *Reposition {
	moved := &Reposition{Reason: reason, From: r.next, To: to}
	r.next, r.epoch, r.checkpoints, r.cut, r.awaiting = to, -1, nil, false, false
	return moved
}

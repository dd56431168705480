package activity

// Suspicion is what a start knows of earlier runs that did not stop properly. The zero Suspicion is none.
type Suspicion struct {
	// Deaths is how many of them died before they had read the whole topic. One of its records may be the
	// cause.
	Deaths int
	// Moved has the partitions in which the last of them counted something.
	Moved map[int32]bool
	// Suspect is what the last of them was reading, if it read batch by batch. Otherwise it is nil.
	Suspect *Suspect
}

// Suspect is an offset at which runs died. The cause is at that offset, or right behind it if a transaction marker is
// there.
type Suspect struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
	Deaths    int   `json:"deaths"` // how many runs ended here
}

// Skip is a range of offsets that an operator skipped unread. Both ends are included.
type Skip struct {
	Topic     string
	Partition int32
	From, To  int64
	// Reason is why, and By is who decided. The audit entry has both.
	Reason, By string
}

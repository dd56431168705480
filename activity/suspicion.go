package activity

// Suspicion is what a start knows about earlier runs that did not stop in order. The zero Suspicion is none.
type Suspicion struct {
	// Deaths is how many of them died before they had read the whole topic. A record in it may be the cause.
	Deaths int
	// Moved are the partitions in which the last of them counted something.
	Moved map[int32]bool
	// Suspect is what the last of them was reading, if it read batch by batch; else nil.
	Suspect *Suspect
}

// Suspect is an offset at which runs died. The cause is there, or right behind it if that is a transaction marker.
type Suspect struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
	Deaths    int   `json:"deaths"` // how many runs ended here
}

// Skip is a range of offsets of a partition, both ends included, that an operator skipped unread.
type Skip struct {
	Topic     string
	Partition int32
	From, To  int64
	// Reason is why, and By who decided it; both are kept in the audit entry.
	Reason, By string
}

package activity

// Suspicion is what a start knows about the runs before it that did not stop in order. The zero Suspicion is none.
type Suspicion struct {
	// Deaths is how many of them died before they had read the whole topic, perhaps because of a record in it.
	Deaths int
	// Moved are the partitions of which the last of them counted something.
	Moved map[int32]bool
	// Suspect is what the last of them was reading, batch by batch; nil when it was not.
	Suspect *Suspect
}

// Suspect is an offset at which runs died: the cause is there, or right behind it if a transaction marker stands there.
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

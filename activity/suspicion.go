package activity

// Suspicion is what a start knows of runs before it that did not end in order, one after the other. The zero Suspicion is none.
type Suspicion struct {
	// Deaths is how many of them had not read all that stood in the topic: something there may have ended them.
	Deaths int
	// Moved are the partitions of which the last of them counted something.
	Moved map[int32]bool
	// Suspect is what the last of them was reading, batch by batch; nil when it was not.
	Suspect *Suspect
}

// Suspect is what stands at a place where runs ended: there, or right behind it when a marker of a transaction stands there.
type Suspect struct {
	Partition int32 `json:"partition"`
	Offset    int64 `json:"offset"`
	Deaths    int   `json:"deaths"` // how many runs ended here
}

// Skip is what an operator has passed over: all offsets of a partition from one to another, both included. They are not read.
type Skip struct {
	Topic     string
	Partition int32
	From, To  int64
	Why       Why
}

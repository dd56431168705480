package broker

import "time"

// End says that a partition's committed records ended at Offset at the moment At.
type End struct {
	At     time.Time
	Offset int64
}

// Ends returns for each partition where it ended at a moment. It is empty until all are known.
func (c *Consumer) Ends() map[int32]End { return nil }

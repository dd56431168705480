package activity

import "time"

// Ask is a question for the totals of groups of local days.
type Ask struct {
	Groups [][]Span // the days of each group, in order of time
	Tables bool     // with the tables of the dimensions
	// Closed is a moment. Nothing is expected to change a day that was over by then, so it may be merged for the next
	// question.
	Closed time.Time
}

// Stamp stands for the totals of a group as they are. While a store is open, other totals of the same days have another
// stamp.
type Stamp uint64

// Group is the answer about one group of an Ask.
type Group struct {
	Number int
	AsOf   *AsOf // of the whole answer
	// Stamp of the group's totals. 0 says that it is not known.
	Stamp Stamp
	// Load returns the totals of the whole group. The caller may keep them.
	Load func() (*Totals, error)
}

// See is called with one group after the other. The group is good until it returns.
type See func(Group) error

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

// Stamp stands for the totals of a day as they are. While a store is open, no other totals of that day get the same.
type Stamp uint64

// StampOfNothing is the stamp of a day without events. No store gives a smaller one.
const StampOfNothing Stamp = 1

// Group is the answer about one group of an Ask.
type Group struct {
	Number int
	AsOf   *AsOf // of the whole answer
	// Stamps belong to the days in order, one or two for each. They are nil if not all of the days are merged.
	Stamps []Stamp
	// Load returns the totals of the whole group. The caller may keep them.
	Load func() (*Totals, error)
}

// See is called with one group after the other. The group is good until it returns.
type See func(Group) error

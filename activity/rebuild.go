package activity

import "time"

// Rebuilding says since when an activity is being counted again, and who began it.
type Rebuilding struct {
	Began time.Time `json:"began"`
	By    string    `json:"by,omitempty"` // "" if nobody needs a credential
}

// RebuildState says how far a rebuild is.
type RebuildState string

// The states of a rebuild.
const (
	RebuildCounting RebuildState = "counting" // it reads what the topic has
	RebuildReady    RebuildState = "ready"    // it has caught up, and follows
	RebuildStopped  RebuildState = "stopped"  // it seems to end the process, so it does not go on by itself
)

// RebuildStates returns all states.
func RebuildStates() []RebuildState {
	return []RebuildState{RebuildCounting, RebuildReady, RebuildStopped}
}

// RebuildStatus is how far a rebuild is, and what it found.
type RebuildStatus struct {
	Rebuilding
	State RebuildState
	Done  int64 // offsets that were counted again
	Left  int64 // offsets up to where the activity stands
	// Since is zero if the topic had its beginning. Otherwise the rebuild may lack events from before it.
	Since       time.Time
	Differences []Difference // days that differ, oldest first
	More        bool         // there are more of them
}

// Difference is a day that was counted in two ways.
type Difference struct {
	Date          Date
	Live, Rebuilt *Totals
	Figures       []string // names of the figures that differ: count, or measures
	// Forgotten says that the topic has lost records that the day may consist of. Live figures of it stay where they
	// have more events.
	Forgotten bool
}

package retail

import "time"

// instant reads a wall-clock time as an instant of zone. When clocks go back a wall-clock time comes twice: the first
// is taken. When they go forward one is skipped: it is read by the clock as it was before, so 01:30 becomes 02:30.
func instant(wall time.Time, zone *time.Location) time.Time {
	// Zones change their offset at most once within these two days, so the instant has one of two offsets.
	_, before := wall.Add(-24 * time.Hour).In(zone).Zone()
	_, after := wall.Add(24 * time.Hour).In(zone).Zone()
	first := wall.Add(-time.Duration(max(before, after)) * time.Second)
	if _, offset := first.In(zone).Zone(); offset == max(before, after) {
		return first
	}
	return wall.Add(-time.Duration(min(before, after)) * time.Second)
}

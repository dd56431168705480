package retail

import "time"

// instant reads a wall-clock time as an instant of zone. A time that comes twice, when clocks go back, is the first of
// the two. A time that is skipped, when they go forward, is read by the clock from before: 01:30 becomes 02:30.
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

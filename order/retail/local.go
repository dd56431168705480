package retail

import "time"

// instant reads a wall-clock time as an instant of zone. When clocks go back, a repeated time is the first of the two.
// When they go forward, a skipped time is read by the old clock: 01:30 becomes 02:30.
func instant(wall time.Time, zone *time.Location) time.Time {
	// A zone changes its offset at most once within these two days. So there are only two possible offsets.
	_, before := wall.Add(-24 * time.Hour).In(zone).Zone()
	_, after := wall.Add(24 * time.Hour).In(zone).Zone()
	first := wall.Add(-time.Duration(max(before, after)) * time.Second)
	if _, offset := first.In(zone).Zone(); offset == max(before, after) {
		return first
	}
	return wall.Add(-time.Duration(min(before, after)) * time.Second)
}

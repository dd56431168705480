package retail

import "time"

// layout of InvoiceDate, a wall-clock time without a zone.
const layout = "2006-01-02 15:04:05"

// parseLocal reads a wall-clock time of zone as an instant. When clocks go back a wall-clock time comes twice: the
// first is taken. When they go forward one is skipped: it is read by the clock as it was before, so 01:30 becomes 02:30.
func parseLocal(text string, zone *time.Location) (time.Time, *fault) {
	wall, err := time.Parse(layout, text)
	if err != nil || len(text) != len(layout) {
		return time.Time{}, malformed("InvoiceDate %s is not an existing date and time as in 2010-12-01 08:26:00", show(text))
	}
	// Zones change their offset at most once within these two days, so the instant has one of two offsets.
	_, before := wall.Add(-24 * time.Hour).In(zone).Zone()
	_, after := wall.Add(24 * time.Hour).In(zone).Zone()
	first := wall.Add(-time.Duration(max(before, after)) * time.Second)
	if _, offset := first.In(zone).Zone(); offset == max(before, after) {
		return first, nil
	}
	return wall.Add(-time.Duration(min(before, after)) * time.Second), nil
}

package activity

import "time"

// Hour is what was counted in an hour of a local day.
type Hour struct {
	Starts time.Time // in the zone
	Totals
}

// Hours collects quarter hours into the hours of a day, as the local clock shows them. There are 24, or 23 or 25 if
// summer time begins or ends. If the clocks change by half an hour, one hour is shorter.
type Hours struct {
	hours []Hour
	of    map[Quarter]int
}

// NewHours returns the hours of a day in a zone, with nothing counted. The error is an *Error with CodeOffQuarterHour.
func NewHours(z Zone, day Date) (*Hours, error) {
	h := &Hours{of: make(map[Quarter]int)}
	hour, offset := -1, 0
	var err error
	z.quarters(day, day, func(q Quarter, _ Date) {
		starts := q.Start().In(z.location)
		if _, o := starts.Zone(); starts.Hour() != hour || o != offset {
			hour, offset = starts.Hour(), o
			h.hours = append(h.hours, Hour{Starts: starts})
		}
		h.of[q] = len(h.hours) - 1
	}, func(_ Date, why error) { err = why })
	return h, err
}

// Add merges the totals of one quarter hour into its hour. It ignores a quarter hour of another day.
func (h *Hours) Add(q Quarter, t *Totals) {
	if at, found := h.of[q]; found {
		h.hours[at].Merge(t)
	}
}

// All returns all hours in order of time. Hours without events are included.
func (h *Hours) All() []Hour { return h.hours }

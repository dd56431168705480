package activity

import (
	"maps"
	"slices"
	"time"

	"ordertally/activity/measure"
)

// Minute is what was counted in one minute.
type Minute struct {
	Starts time.Time // in UTC
	measure.Tally
}

// MinuteSeries collects the minutes of quarter hours. The zero value is ready for use.
type MinuteSeries struct {
	minutes map[int64]*measure.Tally // by the number of the minute since 1970
}

// Add merges the minutes of one quarter hour.
func (s *MinuteSeries) Add(q Quarter, t *Totals) {
	if t.Minutes == nil {
		return
	}
	if s.minutes == nil {
		s.minutes = make(map[int64]*measure.Tally)
	}
	for i := range t.Minutes {
		if t.Minutes[i].Count == 0 {
			continue
		}
		at := int64(q)*int64(len(t.Minutes)) + int64(i)
		if s.minutes[at] == nil {
			s.minutes[at] = new(measure.Tally)
		}
		s.minutes[at].Merge(&t.Minutes[i])
	}
}

// All returns the minutes that have events, in order of time.
func (s *MinuteSeries) All() []Minute {
	all := make([]Minute, 0, len(s.minutes))
	for _, at := range slices.Sorted(maps.Keys(s.minutes)) {
		all = append(all, Minute{time.Unix(60*at, 0).UTC(), *s.minutes[at]})
	}
	return all
}

package activity

import (
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

const (
	// maxZones is how many zones Zones remembers, and maxMonths how much of each.
	maxZones, maxMonths = 64, 32
	// calendarDays is how many days are worked out at once.
	calendarDays = 32
	// zoneKept is how long a zone is used before its data are read again.
	zoneKept = time.Hour
)

// Zones loads zones and remembers when their days begin and end, because finding that out takes a look at each quarter
// hour. It is safe for concurrent use.
type Zones struct {
	mu    sync.Mutex
	known *simplelru.LRU[string, zoneRead]
}

type zoneRead struct {
	Zone
	at time.Time
}

// NewZones returns Zones that know none.
func NewZones() *Zones {
	known, err := simplelru.NewLRU[string, zoneRead](maxZones, nil)
	if err != nil {
		panic(err) // the size is not positive
	}
	return &Zones{known: known}
}

// Load is LoadZone. What it returned before is read again after an hour.
func (zs *Zones) Load(name string) (Zone, error) {
	now := time.Now()
	zs.mu.Lock()
	known, found := zs.known.Get(name)
	zs.mu.Unlock()
	if found && now.Sub(known.at) < zoneKept {
		return known.Zone, nil
	}
	z, err := LoadZone(name)
	if err != nil {
		return Zone{}, err
	}
	z.calendar = new(calendar)
	zs.mu.Lock()
	zs.known.Add(name, zoneRead{z, now})
	zs.mu.Unlock()
	return z, nil
}

// localDay is a day in a zone: its quarter hours in order of time, or why it has none. A day that the zone skipped has
// neither.
type localDay struct {
	spans  []Span
	untold error
}

// calendar remembers days of a zone.
type calendar struct {
	mu     sync.Mutex
	months map[Date][]localDay // calendarDays each, by the first
}

// day returns the quarter hours of a day.
func (z Zone) day(date Date) localDay {
	if z.calendar == nil {
		return z.localDays(date, date)[0]
	}
	first := Date(floorDiv(int64(date), calendarDays) * calendarDays)
	c := z.calendar
	c.mu.Lock()
	defer c.mu.Unlock()
	month, found := c.months[first]
	if !found {
		month = z.localDays(first, first+calendarDays-1)
		if c.months == nil || len(c.months) >= maxMonths {
			c.months = make(map[Date][]localDay)
		}
		c.months[first] = month
	}
	return month[date-first]
}

// localDays works out the days from one date to another, both included.
func (z Zone) localDays(from, to Date) []localDay {
	days := make([]localDay, to-from+1)
	z.quarters(from, to, func(q Quarter, date Date) {
		day := &days[date-from]
		if last := len(day.spans) - 1; last >= 0 && day.spans[last].To == q {
			day.spans[last].To++
			return
		}
		day.spans = append(day.spans, Span{q, q + 1})
	}, func(date Date, why error) {
		if day := &days[date-from]; day.untold == nil {
			day.untold = why
		}
	})
	for i := range days {
		if days[i].untold != nil {
			days[i].spans = nil
		}
	}
	return days
}

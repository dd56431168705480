package boltdb

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// maxIncidents is how many are remembered.
const maxIncidents = 1000

// incidents are the damaged pages and records that were met, by what is said of them.
type incidents struct {
	report func(error)

	mu    sync.Mutex
	known map[string]time.Time // when each was met last
}

// Note remembers that a damaged record or page was met; for callers that go on with others.
func (i *incidents) Note(err error) {
	i.mu.Lock()
	_, before := i.known[err.Error()]
	if !before && len(i.known) >= maxIncidents {
		i.mu.Unlock()
		return
	}
	if i.known == nil {
		i.known = map[string]time.Time{}
	}
	i.known[err.Error()] = time.Now()
	i.mu.Unlock()
	if !before && i.report != nil {
		i.report(err)
	}
}

// forget drops those that were not met since.
func (i *incidents) forget(since time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	maps.DeleteFunc(i.known, func(_ string, at time.Time) bool { return at.Before(since) })
}

// Incidents returns what is known to be damaged: met by a read or a write since the last whole scrub began, or found by that. At most 1,000.
func (i *incidents) Incidents() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Sorted(maps.Keys(i.known))
}

// CheckSound fails while a damaged page or record is known, and says what to do.
func (i *incidents) CheckSound(context.Context) error {
	found := i.Incidents()
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf("%d damaged records or pages of the file are known, the first: %s: stop the service, see all with its command check, and restore the file from a backup",
		len(found), found[0])
}

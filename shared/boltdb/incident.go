package boltdb

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// maxIncidents is how many incidents are remembered.
const maxIncidents = 1000

// incidents are the damaged pages and records that were met, by description.
type incidents struct {
	report func(error)

	mu    sync.Mutex
	known map[string]time.Time // the last time each was met
}

// Note records damage that a caller met and skipped.
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

// forget drops the incidents not met since that time.
func (i *incidents) forget(since time.Time) {
	i.mu.Lock()
	defer i.mu.Unlock()
	maps.DeleteFunc(i.known, func(_ string, at time.Time) bool { return at.Before(since) })
}

// Incidents returns the known damage: found by the last whole scrub, or met by a read or write since that scrub began.
// There are at most 1,000.
func (i *incidents) Incidents() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return slices.Sorted(maps.Keys(i.known))
}

// CheckSound fails while damage is known, and says what to do about it.
func (i *incidents) CheckSound(context.Context) error {
	found := i.Incidents()
	if len(found) == 0 {
		return nil
	}
	return fmt.Errorf(
		"the file has %d known damaged records or pages, the first: %s: stop the service, list them all with its "+
			"check command, and restore the file from a backup",
		len(found),
		found[0],
	)
}

package activityapi

import "strings"

// Waiters is how many requests wait for the answer to a question, its path and query.
func (a *API) Waiters(question string) int {
	a.flights.mu.Lock()
	defer a.flights.mu.Unlock()
	for asked, f := range a.flights.latest {
		if _, same, _ := strings.Cut(asked, " "); same == question {
			return f.waiters
		}
	}
	return 0
}

package activityapi

import "strings"

// Waiters returns how many requests wait for the answer to a question, which is a path and query.
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

// Kept returns how many finished answers are kept, and their size with their questions.
func (a *API) Kept() (answers, bytes int) {
	a.flights.mu.Lock()
	defer a.flights.mu.Unlock()
	return a.flights.kept.Len(), a.flights.keptBytes
}

// SetKeptRoom sets how many bytes of finished answers may be kept.
func (a *API) SetKeptRoom(bytes int) { a.flights.keptRoom = bytes }

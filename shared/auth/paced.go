package auth

import (
	"net/http"
	"sync"
	"time"
)

// paced is a transport that sends one request at a time, at least issuerPause apart.
type paced struct {
	next http.RoundTripper
	mu   sync.Mutex
	last time.Time
}

// RoundTrip implements http.RoundTripper.
func (p *paced) RoundTrip(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if wait := time.Until(p.last.Add(issuerPause)); wait > 0 {
		select {
		case <-time.After(wait):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	p.last = time.Now()
	return p.next.RoundTrip(r)
}

// CloseIdleConnections closes those of the inner transport.
func (p *paced) CloseIdleConnections() {
	if t, ok := p.next.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

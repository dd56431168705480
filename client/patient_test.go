package client_test

import (
	"net/http"
	"strconv"
	"time"
)

// patient is a transport that sends a request again when the service is overloaded or the sender too fast, as often as there are attempts,
// after the time that Retry-After says. It repeats only what may be repeated: reading, and what has an Idempotency-Key.
type patient struct {
	attempts int
	longest  time.Duration // a service that asks for more is not waited for
}

// RoundTrip implements http.RoundTripper.
func (p patient) RoundTrip(r *http.Request) (*http.Response, error) {
	repeatable := r.Method == http.MethodGet || r.Header.Get("Idempotency-Key") != "" && r.GetBody != nil
	for attempt := 1; ; attempt++ {
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil || !repeatable || attempt == p.attempts || answer.StatusCode != http.StatusTooManyRequests && answer.StatusCode != http.StatusServiceUnavailable {
			return answer, err
		}
		wait, known := retryAfter(answer)
		if !known || wait > p.longest {
			return answer, nil
		}
		_ = answer.Body.Close()
		select {
		case <-time.After(wait):
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
		r = r.Clone(r.Context())
		if r.GetBody != nil {
			if r.Body, err = r.GetBody(); err != nil {
				return nil, err
			}
		}
	}
}

// retryAfter reads the header of a 429 or a 503.
func retryAfter(answer *http.Response) (wait time.Duration, known bool) {
	seconds, err := strconv.ParseUint(answer.Header.Get("Retry-After"), 10, 16)
	return time.Duration(seconds) * time.Second, err == nil
}

package ratelimit

import (
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"ordertally/shared/auth"
	"ordertally/shared/service/metric"
	"ordertally/shared/settings"
	"ordertally/shared/web"
)

// Limiter enforces the rate limits of one service. It is safe for concurrent use.
type Limiter struct {
	caller, address *policy // nil for no limit
	refused         *prometheus.CounterVec
}

// New returns a Limiter. It registers http_rate_limited_total{limit} with reg.
func New(c Config, reg prometheus.Registerer) *Limiter {
	settings.Fill(&c)
	l := &Limiter{
		caller:  newPolicy("caller", c.PerCaller, c.Burst),
		address: newPolicy("address", c.PerAddress, c.Burst),
		refused: metric.Counters(reg, "http_rate_limited_total",
			"Requests answered with 429, by the limit that they exceeded.", "limit", []string{"caller", "address"}),
	}
	return l
}

// Unlimited returns a Limiter without limits.
func Unlimited() *Limiter { return New(Config{}, prometheus.NewRegistry()) }

// ByAddress limits the requests of one address, with a credential or without. It should come before any costly handler.
func (l *Limiter) ByAddress(next http.Handler) http.Handler {
	if l.address == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		l.check(l.address, w, r, web.Network(r.RemoteAddr), next)
	})
}

// ByCaller returns the routes with handlers that limit the requests of one caller. A Guard around them must say who
// calls. Anonymous callers are limited by address only.
func (l *Limiter) ByCaller(routes []web.Route) []web.Route {
	if l.caller == nil {
		return routes
	}
	limited := slices.Clone(routes)
	for i := range limited {
		next := limited[i].Handler
		if limited[i].Scope == auth.Public {
			continue
		}
		limited[i].Handler = func(w http.ResponseWriter, r *http.Request) {
			caller := auth.FromContext(r.Context())
			if caller.ID == "" {
				next(w, r)
				return
			}
			l.check(l.caller, w, r, caller.ID, next)
		}
	}
	return limited
}

// Again counts one more request of the sender of r, for a request that asks for several things. The error is the 429
// problem.
func (l *Limiter) Again(r *http.Request) error {
	if l.address != nil {
		if err := l.again(l.address, web.Network(r.RemoteAddr)); err != nil {
			return err
		}
	}
	if caller := auth.FromContext(r.Context()); l.caller != nil && caller.ID != "" {
		return l.again(l.caller, caller.ID)
	}
	return nil
}

func (l *Limiter) again(p *policy, sender string) error {
	allowed, left := p.take(sender)
	if allowed {
		return nil
	}
	l.refused.WithLabelValues(p.name).Inc()
	return p.refusal(left)
}

func (l *Limiter) check(p *policy, w http.ResponseWriter, r *http.Request, sender string, next http.Handler) {
	if !p.allow(w, r, sender) {
		l.refused.WithLabelValues(p.name).Inc()
		return
	}
	next.ServeHTTP(w, r)
}

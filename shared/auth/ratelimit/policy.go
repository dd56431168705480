// Package ratelimit limits how many requests a second one caller or one address may send.
//
// A request over the limit gets a 429 problem with Retry-After. Every answer says what the sender has left, in the
// headers RateLimit-Policy and RateLimit of draft-ietf-httpapi-ratelimit-headers-10.
package ratelimit

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"ordertally/shared/web/problem"
)

// KindLimited is the one problem of this package.
var KindLimited = problem.Kind{Status: http.StatusTooManyRequests, Code: "rate_limited",
	Says:   "The sender exceeds its limit of requests. Repeat after the time that Retry-After says.",
	Client: "Send the request again after `Retry-After`. `RateLimit` says what you have left.",
	Operator: "If the limit is too low for honest clients, raise `rate-limit-caller` or `rate-limit-address`. Behind " +
		"a proxy, name it in `trusted-proxies`: otherwise all its clients share one limit.",
}

// maxSenders bounds the memory of one policy; a sender takes about 200 bytes. With more senders, the one that has been
// silent longest is forgotten. It begins again with a full bucket.
const maxSenders = 65_536

// Config is the rate limits of a service. The zero value has none.
type Config struct {
	// Maximum requests a second of one caller, on average; 0 for no limit.
	//
	// All keys with one name are one caller, and so is one subject of the issuer.
	PerCaller float64 `name:"rate-limit-caller" range:"0, 0.01..1000000" unit:"requests a second"`
	// Maximum requests a second from one IP address, on average; 0 for no limit. Behind a proxy it needs
	// trusted-proxies.
	//
	// Of IPv6, a network of 64 bits counts as one address.
	PerAddress float64 `name:"rate-limit-address" range:"0, 0.01..1000000" unit:"requests a second"`
	// How many requests may come at once: as many as the rate limit allows in this time.
	Burst time.Duration `name:"rate-limit-burst" default:"10s" range:"1s..1h"`
}

// policy is one limit that each sender has for itself.
type policy struct {
	name    string // in the headers
	rate    rate.Limit
	burst   int
	header  string
	buckets *lru.Cache[string, *rate.Limiter]
}

// newPolicy returns nil for a rate of 0, which means no limit.
func newPolicy(name string, perSecond float64, burst time.Duration) *policy {
	if perSecond == 0 {
		return nil
	}
	p := &policy{name: name, rate: rate.Limit(perSecond), burst: max(1, int(perSecond*burst.Seconds()))}
	window := max(1, int(math.Ceil(float64(p.burst)/perSecond)))
	p.header = fmt.Sprintf("%q;q=%d;w=%d", name, p.burst, window)
	p.buckets, _ = lru.New[string, *rate.Limiter](maxSenders) // fails only for a size below 1
	return p
}

// take counts one request of the sender. It returns whether it is allowed, and how many the sender has left.
func (p *policy) take(sender string) (allowed bool, left float64) {
	bucket, known := p.buckets.Get(sender)
	if !known {
		bucket = rate.NewLimiter(p.rate, p.burst)
		if before, there, _ := p.buckets.PeekOrAdd(sender, bucket); there {
			bucket = before
		}
	}
	now := time.Now()
	allowed = bucket.AllowN(now, 1)
	return allowed, bucket.TokensAt(now)
}

// allow counts one request of the sender and sets the headers. If it returns false, it has answered.
func (p *policy) allow(w http.ResponseWriter, r *http.Request, sender string) bool {
	allowed, left := p.take(sender)
	h := w.Header()
	h.Add("RateLimit-Policy", p.header)
	h.Add("RateLimit", strconv.Quote(p.name)+";r="+strconv.Itoa(max(0, int(left)))+";t="+
		strconv.Itoa(p.seconds(float64(p.burst)-left)))
	if allowed {
		return true
	}
	problem.Write(w, r, p.refusal(left))
	return false
}

// refusal is the problem of a sender who has so many requests left.
func (p *policy) refusal(left float64) problem.Problem {
	refusal := KindLimited.New(
		fmt.Sprintf("This %s sends more than %g requests a second. Send fewer, or repeat this one after the time "+
			"in Retry-After.", p.name, float64(p.rate)))
	refusal.RetryAfter = time.Duration(p.seconds(1-left)) * time.Second
	return refusal
}

// seconds returns how long it takes until so many requests are allowed again, rounded up.
func (p *policy) seconds(requests float64) int {
	return max(0, int(math.Ceil(requests/float64(p.rate))))
}

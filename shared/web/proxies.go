package web

import (
	"fmt"
	"net"
	"net/http"

	"github.com/realclientip/realclientip-go"
)

// Proxies are those before a service that tell in X-Forwarded-For who the client is. The zero value is none.
type Proxies struct {
	trusted   []net.IPNet
	forwarded realclientip.RightmostTrustedRangeStrategy
}

// ProxyNames is the setting of the proxies: addresses and CIDR ranges.
type ProxyNames []string

// Check refuses what ParseProxies does.
func (p ProxyNames) Check() error {
	_, err := ParseProxies(p)
	return err
}

// ParseProxies reads addresses and CIDR ranges.
func ParseProxies(names []string) (p Proxies, err error) {
	if p.trusted, err = realclientip.AddressesAndRangesToIPNets(names...); err != nil {
		return p, fmt.Errorf("give addresses or CIDR ranges, such as 10.0.0.0/8: %w", err)
	}
	p.forwarded, err = realclientip.NewRightmostTrustedRangeStrategy("X-Forwarded-For", p.trusted)
	return p, err
}

// Handler gives the requests that next handles the address of the client instead of that of a proxy. A request that a
// proxy sent is from the last address in its X-Forwarded-For that is none of them; a proxy appended it, so a client
// cannot choose it. What others send in that header is not looked at. RemoteAddr then has port 0.
func (p Proxies) Handler(next http.Handler) http.Handler {
	if len(p.trusted) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p.has(r.RemoteAddr) {
			if client := p.forwarded.ClientIP(r.Header, r.RemoteAddr); client != "" {
				r = r.WithContext(r.Context()) // a handler must not change the request it was given
				r.RemoteAddr = net.JoinHostPort(client, "0")
			}
		}
		next.ServeHTTP(w, r)
	})
}

// has reports whether remote, an address with a port, is one of them.
func (p Proxies) has(remote string) bool {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	for i := range p.trusted {
		if p.trusted[i].Contains(ip) {
			return true
		}
	}
	return false
}

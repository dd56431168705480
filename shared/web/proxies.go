package web

import (
	"fmt"
	"net"
	"net/http"

	"github.com/realclientip/realclientip-go"
)

// Proxies are the proxies whose X-Forwarded-For is trusted to name the client. The zero value is none.
type Proxies struct {
	trusted   []net.IPNet
	forwarded realclientip.RightmostTrustedRangeStrategy
}

// ProxyNames is the setting: addresses and CIDR ranges.
type ProxyNames []string

// Check refuses what ParseProxies refuses.
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

// Handler replaces the address of a proxy by that of its client: the last address in X-Forwarded-For that is not a
// proxy. A proxy appended that one, so a client cannot choose it. RemoteAddr then has port 0. The header is ignored if
// the request does not come from a proxy.
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

// has reports whether remote, an address with a port, is a proxy.
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

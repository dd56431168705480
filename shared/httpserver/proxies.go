package httpserver

import (
	"fmt"
	"net"
	"net/http"

	"github.com/realclientip/realclientip-go"
)

// BehindProxies gives the requests that next handles the address of the client instead of that of a proxy before the service. proxies are addresses and CIDR
// ranges. A request that one of them sent is from the last address in its X-Forwarded-For that is none of them; the proxy appended it, so
// a client cannot choose it. What others send in that header is not looked at. RemoteAddr then has port 0. Without proxies next is returned.
func BehindProxies(proxies []string, next http.Handler) (http.Handler, error) {
	if len(proxies) == 0 {
		return next, nil
	}
	trusted, err := realclientip.AddressesAndRangesToIPNets(proxies...)
	if err != nil {
		return nil, fmt.Errorf("give addresses or CIDR ranges, such as 10.0.0.0/8: %w", err)
	}
	forwarded, err := realclientip.NewRightmostTrustedRangeStrategy("X-Forwarded-For", trusted)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if isProxy(trusted, r.RemoteAddr) {
			if client := forwarded.ClientIP(r.Header, r.RemoteAddr); client != "" {
				r = r.WithContext(r.Context()) // a handler must not change the request it was given
				r.RemoteAddr = net.JoinHostPort(client, "0")
			}
		}
		next.ServeHTTP(w, r)
	}), nil
}

func isProxy(trusted []net.IPNet, remote string) bool {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	for i := range trusted {
		if trusted[i].Contains(ip) {
			return true
		}
	}
	return false
}

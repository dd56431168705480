package auth

import (
	"fmt"
	"net"
	"net/http"

	"ordertally/shared/problem"
)

// The kinds of the problems that a foreign web page gets.
var (
	KindMisdirected = problem.Kind{
		Status: http.StatusMisdirectedRequest, Code: "misdirected_request", Says: "Nobody needs a credential here, and Host is no loopback name or address.",
	}
	KindCrossOrigin = problem.Kind{
		Status: http.StatusForbidden, Code: "cross_origin_request", Says: "Nobody needs a credential here, and the request is one of another origin's web page.",
	}
)

// AgainstPages returns a handler that keeps out, while nobody needs a credential, what a foreign web page in a browser on this machine
// can send: such a service listens on loopback, and the browser is on loopback too.
//
//   - A request whose Host is no loopback name or address is a 421. The page's own name may have been made to mean 127.0.0.1 after
//     it was loaded (DNS rebinding): the browser then takes the service for the page's and lets it read the answers.
//   - A request that may change something and that the browser says is another origin's (Sec-Fetch-Site, Origin) is a 403.
//
// Programs other than browsers, such as curl, send the Host that they were told to call and neither of those header fields.
func (g *Guard) AgainstPages(next http.Handler) http.Handler {
	origins := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case g.Closed():
			next.ServeHTTP(w, r)
		case !LocalHost(r.Host):
			problem.Write(w, r, KindMisdirected.New(fmt.Sprintf(
				"Without API keys the service answers as localhost or a loopback address only, not as %.80q. Call it so, or make a key, or start it with --allow-unauthenticated.", r.Host)))
		case origins.Check(r) != nil:
			problem.Write(w, r, KindCrossOrigin.New("Without API keys the service does nothing for the web pages of others."))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// LocalHost reports whether a request's Host, with a port or without, is a name or an address of loopback.
func LocalHost(host string) bool {
	if loopback(host) {
		return true
	}
	if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' { // an IPv6 address without a port
		host = host[1 : len(host)-1]
	}
	return loopback(net.JoinHostPort(host, "0"))
}

package auth

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"ordertally/shared/web/problem"
)

// The kinds of the problems for web pages of other sites.
var (
	KindMisdirected = problem.Kind{
		Status: http.StatusMisdirectedRequest, Code: "misdirected_request",
		Says:     "The service asks for no credential, and Host could be the name of a website.",
		Client:   "Use an IP address or `localhost` in the URL.",
		Operator: "Make a key. Then any host name is accepted, because nobody gets in without the key.",
	}
	KindCrossOrigin = problem.Kind{
		Status: http.StatusForbidden, Code: "cross_origin_request",
		Says:     "The service asks for no credential, and the request comes from a web page of another origin.",
		Client:   "Do not call the service from a page of another site.",
		Operator: "Make a key if pages of other sites are to call the service through a proxy of yours.",
	}
)

// AgainstPages returns a handler that keeps out web pages of other sites while nobody needs a credential. Such a
// service listens on loopback, and so a page in a browser on this machine can reach it.
//
//   - A request whose Host could be the name of a web site is a 421. After a page was loaded, its name may be made to
//     mean 127.0.0.1 (DNS rebinding). The browser then takes the service for the page's own origin and lets the page
//     read the answers.
//   - A request that may change something is a 403 if the browser says that it comes from another origin
//     (Sec-Fetch-Site, Origin).
//
// Other programs, such as curl, send the Host that they were told to call and neither of those headers.
func (g *Guard) AgainstPages(next http.Handler) http.Handler {
	origins := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case g.Closed():
			next.ServeHTTP(w, r)
		case PageHost(r.Host):
			problem.Write(w, r, KindMisdirected.New(fmt.Sprintf(
				"Without API keys the service does not answer to the host name %.80q, which could be that of a web "+
					"site. Use localhost or the address, or make a key, or start it with --allow-unauthenticated.",
				r.Host)))
		case origins.Check(r) != nil:
			problem.Write(w, r, KindCrossOrigin.New(
				"Without API keys the service changes nothing for web pages of other origins."))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// PageHost reports whether a request's Host, with or without a port, could be the name of a web site. A name that
// anybody can point at this machine has a dot. Addresses, localhost, and the names of containers and of machines nearby
// are not such names.
func PageHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return false
	}
	return strings.Contains(host, ".") && !strings.HasSuffix(host, ".localhost")
}

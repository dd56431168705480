package auth

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"ordertally/shared/web/problem"
)

// The kinds of the problems that a foreign web page gets.
var (
	KindMisdirected = problem.Kind{
		Status: http.StatusMisdirectedRequest, Code: "misdirected_request",
		Says: "Nobody needs a credential here, and Host is a name that a web page could have.",
	}
	KindCrossOrigin = problem.Kind{
		Status: http.StatusForbidden, Code: "cross_origin_request",
		Says: "Nobody needs a credential here, and the request is one of another origin's web page.",
	}
)

// AgainstPages returns a handler that keeps out, while nobody needs a credential, what a foreign web page in a browser
// on this machine can send: such a service listens on loopback, and the browser is on loopback too.
//
//   - A request whose Host is a name that a web page could have is a 421. The page's own name may have been made to
//     mean 127.0.0.1 after it was loaded (DNS rebinding): the browser then takes the service for the page's and lets it
//     read the answers.
//   - A request that may change something and that the browser says is another origin's (Sec-Fetch-Site, Origin) is a
//     403.
//
// Programs other than browsers, such as curl, send the Host that they were told to call and neither of those header
// fields.
func (g *Guard) AgainstPages(next http.Handler) http.Handler {
	origins := http.NewCrossOriginProtection()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case g.Closed():
			next.ServeHTTP(w, r)
		case PageHost(r.Host):
			problem.Write(w, r, KindMisdirected.New(fmt.Sprintf(
				"Without API keys the service does not answer as %.80q, which could be a web page's name. Call it "+
					"localhost or by its address, or make a key, or start it with --allow-unauthenticated.", r.Host)))
		case origins.Check(r) != nil:
			problem.Write(w, r, KindCrossOrigin.New(
				"Without API keys the service does nothing for the web pages of others."))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// PageHost reports whether a request's Host, with a port or without, is a name that a web page could have: names that
// anybody can have made to mean this machine have a dot. localhost, names of a container or of a machine beside this
// one, and addresses are none.
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

package web_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"ordertally/shared/web"
)

func TestProxies_TellTheClient(t *testing.T) {
	var seen string
	proxies, err := web.ParseProxies([]string{"10.0.0.0/8", "192.0.2.1", "2001:db8::/32"})
	if err != nil {
		t.Fatal(err)
	}
	h := proxies.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.RemoteAddr }))
	for name, tc := range map[string]struct {
		remote    string
		forwarded []string
		want      string
	}{
		"directly":                   {"203.0.113.9:1234", nil, "203.0.113.9:1234"},
		"by no proxy of ours":        {"203.0.113.9:1234", []string{"198.51.100.7"}, "203.0.113.9:1234"},
		"by a proxy":                 {"10.1.2.3:1234", []string{"198.51.100.7"}, "198.51.100.7:0"},
		"by one address":             {"192.0.2.1:1234", []string{"198.51.100.7"}, "198.51.100.7:0"},
		"by two proxies":             {"10.1.2.3:1234", []string{"198.51.100.7, 10.9.9.9"}, "198.51.100.7:0"},
		"in two fields":              {"10.1.2.3:1234", []string{"198.51.100.7", "10.9.9.9"}, "198.51.100.7:0"},
		"with one of its own":        {"10.1.2.3:1234", []string{"1.1.1.1, 198.51.100.7"}, "198.51.100.7:0"},
		"with one of ours, too":      {"10.1.2.3:1234", []string{"10.7.7.7, 198.51.100.7"}, "198.51.100.7:0"},
		"by IPv6":                    {"[2001:db8::5]:1234", []string{"2a00:1::1"}, "[2a00:1::1]:0"},
		"by IPv4 in IPv6":            {"[::ffff:10.1.2.3]:1234", []string{"198.51.100.7"}, "198.51.100.7:0"},
		"with a port":                {"10.1.2.3:1234", []string{"198.51.100.7:4711"}, "198.51.100.7:0"},
		"that is a proxy":            {"10.1.2.3:1234", []string{"10.9.9.9"}, "10.1.2.3:1234"},
		"that is not told":           {"10.1.2.3:1234", nil, "10.1.2.3:1234"},
		"that is nonsense":           {"10.1.2.3:1234", []string{"198.51.100.7, unknown"}, "10.1.2.3:1234"},
		"whose listener has no port": {"@", []string{"198.51.100.7"}, "@"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = tc.remote
		r.Header["X-Forwarded-For"] = tc.forwarded
		h.ServeHTTP(httptest.NewRecorder(), r)
		if seen != tc.want {
			t.Errorf("a client %s: %s, want %s", name, seen, tc.want)
		}
		if r.RemoteAddr != tc.remote {
			t.Errorf("a client %s: the request itself was changed", name)
		}
	}
	if _, err := web.ParseProxies([]string{"10.0.0.0/40"}); err == nil {
		t.Error("a range that is none was taken")
	}
}

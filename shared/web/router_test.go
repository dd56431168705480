package web_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"ordertally/shared/web"
)

// answer returns a handler that says which route it is and what its variables are.
func answer(route string, vars ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text := route
		for _, name := range vars {
			text += fmt.Sprintf(" %s=%q", name, r.PathValue(name))
		}
		_, _ = w.Write([]byte(text))
	}
}

func orderRouter() *web.Router {
	return web.NewRouter([]web.Route{
		{Method: "GET", Path: "/", Handler: answer("page")},
		{Method: "POST", Path: "/v1/orders", Handler: answer("place")},
		{Method: "GET", Path: "/v1/orders", Handler: answer("list")},
		{Method: "GET", Path: "/v1/orders/{id}", Handler: answer("get", "id")},
		{Method: "GET", Path: "/v1/orders/{id}/delivery", Handler: answer("delivery", "id")},
		{Method: "DELETE", Path: "/v1/parked/{id}", Handler: answer("discard", "id")},
		{Method: "HEAD", Path: "/v1/own-head", Handler: answer("head")},
		{Method: "GET", Path: "/v1/own-head", Handler: answer("get")},
		{Method: "GET", Path: "/assets/{file:.*}", Handler: answer("asset", "file")},
		{Method: "GET", Path: "/v1/days/{day:[0-9-]+|today}", Handler: answer("day", "day")},
	})
}

func TestRouter_AnswersEveryRouteByEveryMethod(t *testing.T) {
	router := orderRouter()
	allowed := map[string][]string{
		"/":                      {"GET", "HEAD"},
		"/v1/orders":             {"GET", "HEAD", "POST"},
		"/v1/orders/01":          {"GET", "HEAD"},
		"/v1/orders/01/delivery": {"GET", "HEAD"},
		"/v1/parked/01":          {"DELETE"},
		"/v1/own-head":           {"GET", "HEAD"},
		"/v1/days/today":         {"GET", "HEAD"},
		"/v1/days/tomorrow":      nil,
		"/v1":                    nil,
		"/v2/orders":             nil,
	}
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get"}
	for path, allow := range allowed {
		for _, method := range methods {
			w := httptest.NewRecorder()
			router.ServeHTTP(w, httptest.NewRequest(method, path, nil))
			want, code := 200, ""
			switch {
			case allow == nil:
				want, code = 404, "not_found"
			case !slices.Contains(allow, method):
				want, code = 405, "method_not_allowed"
			}
			if w.Code != want || !strings.Contains(w.Body.String(), code) {
				t.Errorf("%s %s: %d %s, want %d %s", method, path, w.Code, w.Body, want, code)
			}
			header := ""
			if want == 405 {
				header = strings.Join(allow, ", ")
			}
			if got := w.Header().Get("Allow"); got != header {
				t.Errorf("%s %s: Allow %q, want %q", method, path, got, header)
			}
			if want != 200 && w.Header().Get("Content-Type") != "application/problem+json" {
				t.Errorf("%s %s: Content-Type %q", method, path, w.Header().Get("Content-Type"))
			}
		}
	}
}

func TestRouter_Paths(t *testing.T) {
	router := orderRouter()
	tests := map[string]string{ // "" is a 404
		"/v1/orders?limit=1":          "list",
		"/v1/orders/a":                `get id="a"`,
		"/v1/orders/%61":              `get id="a"`,
		"/v1/orders/a%20b":            `get id="a b"`,
		"/v1/orders/%c3%a9":           `get id="é"`,
		"/v1/orders/a%3Fb":            `get id="a?b"`,
		"/v1/orders/a%25b":            `get id="a%b"`,
		"/v1/orders/...":              `get id="..."`,
		"/v1/orders/.a":               `get id=".a"`,
		"/v1/orders/a/delivery":       `delivery id="a"`,
		"/%761/orders":                "list",
		"/assets/a/b.css":             `asset file="a/b.css"`,
		"/assets/a//b.css":            "",
		"/assets/a/../b.css":          "",
		"/assets/%2e%2e/b.css":        "",
		"/assets/a%2Fb.css":           "",
		"/v1/orders/":                 "",
		"/v1/orders//":                "",
		"/v1/orders//delivery":        "",
		"//v1/orders":                 "",
		"/v1//orders":                 "",
		"/v1/./orders":                "",
		"/v1/../v1/orders":            "",
		"/v1/orders/%2e%2e":           "",
		"/v1/orders/%2E":              "",
		"/v1/orders/..":               "",
		"/v1/orders/../orders":        "",
		"/v1/orders/%2e%2e/orders":    "",
		"/v1/orders/a%2Fdelivery":     "",
		"/v1/orders/a%2fdelivery":     "",
		"/v1/orders%2Fa":              "",
		"/v1/orders/a/delivery/":      "",
		"/V1/orders":                  "",
		"/v1/orders/a\\..\\b/x":       "",
		"/v1/days/today/../../orders": "",
	}
	for path, want := range tests {
		for _, method := range []string{"GET", "POST"} {
			w := httptest.NewRecorder()
			router.ServeHTTP(w, httptest.NewRequest(method, path, nil))
			if w.Header().Get("Location") != "" || w.Code >= 300 && w.Code < 400 {
				t.Errorf("%s %s redirects to %q", method, path, w.Header().Get("Location"))
			}
			if want == "" && w.Code != 404 {
				t.Errorf("%s %s: %d %s, want 404", method, path, w.Code, w.Body)
			}
			if want != "" && method == "GET" && (w.Code != 200 || w.Body.String() != want) {
				t.Errorf("%s %s: %d %s, want %s", method, path, w.Code, w.Body, want)
			}
		}
	}
}

func TestRouter_RefusesWhatIsNotAPath(t *testing.T) {
	for _, path := range []string{"*", ""} {
		r := httptest.NewRequest("OPTIONS", "/", nil)
		r.URL.Path = path
		w := httptest.NewRecorder()
		orderRouter().ServeHTTP(w, r)
		if w.Code != 404 {
			t.Errorf("path %q: %d, want 404", path, w.Code)
		}
	}
}

func TestRouter_TakesTheFirstTemplate(t *testing.T) {
	router := web.NewRouter([]web.Route{
		{Method: "GET", Path: "/v1/days/today", Handler: answer("today")},
		{Method: "GET", Path: "/v1/days/{day}", Handler: answer("day", "day")},
		{Method: "POST", Path: "/v1/days/{day}", Handler: answer("post", "day")},
	})
	w := httptest.NewRecorder()
	router.ServeHTTP(w, httptest.NewRequest("GET", "/v1/days/today", nil))
	if w.Body.String() != "today" {
		t.Errorf("got %s", w.Body)
	}
	w = httptest.NewRecorder()
	router.ServeHTTP(w, httptest.NewRequest("POST", "/v1/days/today", nil))
	if w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
}

func TestRouter_RefusesAMistakenTable(t *testing.T) {
	ok := answer("ok")
	tests := map[string][]web.Route{
		"twice":             {{Method: "GET", Path: "/a", Handler: ok}, {Method: "GET", Path: "/a", Handler: ok}},
		"no handler":        {{Method: "GET", Path: "/a"}},
		"no method":         {{Path: "/a", Handler: ok}},
		"open brace":        {{Method: "GET", Path: "/a/{id", Handler: ok}},
		"relative template": {{Method: "GET", Path: "a", Handler: ok}},
		"bad pattern":       {{Method: "GET", Path: "/a/{id:[}", Handler: ok}},
	}
	for name, routes := range tests {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			web.NewRouter(routes)
		})
	}
}

func FuzzRouterNeverRedirects(f *testing.F) {
	for _, path := range []string{"/v1/orders", "//", "/%2e%2e", "/v1/orders/a%2Fb", "/./x", "*"} {
		f.Add("GET", path)
	}
	router := orderRouter()
	f.Fuzz(func(t *testing.T, method, path string) {
		r := httptest.NewRequest("GET", "/", nil)
		u, err := r.URL.Parse("http://example.com")
		if err != nil {
			t.Fatal(err)
		}
		if u, err = u.Parse(path); err != nil {
			return
		}
		r.URL, r.Method = u, method
		w := httptest.NewRecorder()
		router.ServeHTTP(w, r)
		if w.Code != 200 && w.Code != 404 && w.Code != 405 {
			t.Errorf("%s %q: %d", method, path, w.Code)
		}
	})
}

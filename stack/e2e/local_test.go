package e2e_test

import (
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"ordertally/activity/activityd"
	"ordertally/activity/activitystore"
	"ordertally/order/orderd"
	"ordertally/order/orderstore"
	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
	"ordertally/shared/boltdb"
	"ordertally/shared/clock"
	"ordertally/shared/service"
	"ordertally/shared/service/lifecycle"
	"ordertally/shared/service/telemetry"
)

// listening is a service as a program runs it.
type listening interface {
	lifecycle.Service
	Addr() string
	OpsAddr() string
}

// eachService starts order, then activity, on free ports with the settings around, and calls test. With scopes there
// are two keys: one has all of them, and other lacks the last one.
func eachService(t *testing.T, around service.Config, scopes []string,
	test func(t *testing.T, s listening, key, other string)) {
	t.Helper()
	around.Listen, around.OpsListen, around.Kafka = "127.0.0.1:0", "127.0.0.1:0", []string{"127.0.0.1:1"}
	formats := map[string]boltdb.Format{"order": orderstore.Format, "activity": activitystore.Format}
	for name, create := range map[string]func(file string) (listening, error){
		"order": func(file string) (listening, error) {
			around.Data = file
			return orderd.New(orderd.Config{Config: around}, zerolog.Nop())
		},
		"activity": func(file string) (listening, error) {
			around.Data = file
			return activityd.New(activityd.Config{Config: around}, zerolog.Nop())
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "service.db")
			key, other := "", ""
			if len(scopes) > 0 {
				key, other = keysIn(t, file, formats[name], scopes)
			}
			s, err := create(file)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
			t.Cleanup(cancel)
			if err := s.Start(ctx); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := s.Stop(ctx); err != nil {
					t.Error(err)
				}
			})
			test(t, s, key, other)
		})
	}
}

// keysIn makes a key with those scopes, and one without the last scope.
func keysIn(t *testing.T, file string, format boltdb.Format, scopes []string) (key, other string) {
	t.Helper()
	db, err := boltdb.Open(file, boltdb.Options{Format: format})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := auth.OpenKeys(t.Context(), db, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	key, other = authtest.Key(t, keys, scopes...), authtest.Key(t, keys, scopes[:len(scopes)-1]...)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return key, other
}

// askAs sends a request with that Host. It returns the status and the problem's code.
func askAs(t *testing.T, method, url, host, body string, header map[string]string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		r.Header.Set(name, value)
	}
	r.Host = host
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var answer struct{ Code string }
	_ = json.NewDecoder(response.Body).Decode(&answer) // a page has none
	return response.StatusCode, answer.Code
}

// decides are requests that both services refuse for their content, once they read it.
var decides = map[string]string{"order": "/v1/outbox/parked/discard",
	"activity": "/v1/activities/ORDER_CREATED/parked/discard"}

// TestServices_WithoutKeysRefuseAForeignPage sends what a browser on the service's machine would send for a page from
// elsewhere.
func TestServices_WithoutKeysRefuseAForeignPage(t *testing.T) {
	const evil = "evil.example:8080"
	foreign := map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "http://" + evil}
	own := map[string]string{"Sec-Fetch-Site": "same-origin"}
	decide := func(t *testing.T) string { return decides[t.Name()[strings.LastIndex(t.Name(), "/")+1:]] }

	eachService(t, service.Config{}, nil, func(t *testing.T, s listening, _, _ string) {
		base := "http://" + s.Addr()
		for _, path := range []string{"/", "/openapi.json", "/docs", "/assets/page.js", "/v1/nothing", decide(t)} {
			if status, code := askAs(t, http.MethodGet, base+path, evil, "", own); status != 421 ||
				code != "misdirected_request" {
				t.Errorf("GET %s as %s: %d %s", path, evil, status, code)
			}
		}
		// through a tunnel the port is another
		for _, host := range []string{s.Addr(), "127.0.0.1", "localhost", "localhost:1", "[::1]:1"} {
			if status, code := askAs(t, http.MethodGet, base+"/", host, "", nil); status != 200 {
				t.Errorf("as %s: %d %s", host, status, code)
			}
			if status, code := askAs(t, http.MethodPost, base+decide(t), host, "{}", own); status != 422 {
				t.Errorf("a decision as %s: %d %s", host, status, code)
			}
		}
		if status, code := askAs(t, http.MethodPost, base+decide(t), evil, "{}", own); status != 421 {
			t.Errorf("a decision as %s: %d %s", evil, status, code)
		}
		if status, code := askAs(t, http.MethodPost, base+decide(t), s.Addr(), "{}", foreign); status != 403 ||
			code != "cross_origin_request" {
			t.Errorf("a foreign page's decision: %d %s", status, code)
		}
	})
	t.Run("with a key", func(t *testing.T) {
		eachService(t, service.Config{}, []string{auth.OpsRead, auth.OpsWrite},
			func(t *testing.T, s listening, key, _ string) {
				withKey := map[string]string{"Authorization": "Bearer " + key, "Sec-Fetch-Site": "cross-site"}
				if status, code := askAs(t, http.MethodPost, "http://"+s.Addr()+decide(t), evil, "{}",
					withKey); status != 422 {
					t.Errorf("under another name: %d %s", status, code)
				}
				if status, _ := askAs(t, http.MethodGet, "http://"+s.Addr()+"/", "shop.example", "",
					nil); status != 200 {
					t.Errorf("the page under another name: %d", status)
				}
			})
	})
	t.Run("allowed", func(t *testing.T) {
		around := service.Config{Auth: auth.Config{AllowUnauthenticated: true}}
		eachService(t, around, nil, func(t *testing.T, s listening, _, _ string) {
			if status, code := askAs(t, http.MethodPost, "http://"+s.Addr()+decide(t), "shop.example", "{}",
				nil); status != 422 {
				t.Errorf("behind a proxy that asks: %d %s", status, code)
			}
		})
	})
}

// TestLogLevel_WhoMayChangeIt asks the ops listeners of both services, set up as by their programs.
func TestLogLevel_WhoMayChangeIt(t *testing.T) {
	level := &telemetry.Level{}
	put := func(t *testing.T, s listening, credential string) int {
		t.Helper()
		header := map[string]string{}
		if credential != "" {
			header["Authorization"] = "Bearer " + credential
		}
		status, _ := askAs(t, http.MethodPut, "http://"+s.OpsAddr()+"/loglevel", s.OpsAddr(), `{"level":"error"}`,
			header)
		if changed := level.Get() == zerolog.ErrorLevel; changed != (status == 200) {
			t.Errorf("%d, and the level is %s", status, level.Get())
		}
		level.Set(zerolog.InfoLevel)
		return status
	}
	level.Set(zerolog.InfoLevel)
	others := slices.DeleteFunc(slices.Clone(auth.Scopes()), func(scope string) bool { return scope == auth.OpsWrite })
	eachService(t, service.Config{Verbosity: level}, append(others, auth.OpsWrite),
		func(t *testing.T, s listening, key, other string) {
			for _, tc := range []struct {
				who, credential string
				want            int
			}{{"nobody", "", 401}, {"a key without ops:write", other, 403}, {"a key with it", key, 200}} {
				if status := put(t, s, tc.credential); status != tc.want {
					t.Errorf("%s: %d, want %d", tc.who, status, tc.want)
				}
			}
		})
	t.Run("without keys", func(t *testing.T) {
		eachService(t, service.Config{Verbosity: level}, nil, func(t *testing.T, s listening, _, _ string) {
			if status := put(t, s, ""); status != 200 {
				t.Errorf("from this machine: %d", status)
			}
		})
	})
}

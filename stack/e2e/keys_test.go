package e2e_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ordertally/shared/auth"
	"ordertally/shared/kafka/devbroker"
	"ordertally/shared/kafka/devbroker/devbrokertest"
	"ordertally/stack/stacktest"
)

// TestKeys_RevokedWhileTheServicesRun has clients of both services ask without a pause, each with its own key.
// Meanwhile keys are made and revoked, by the verbs and over the API. A key is refused as soon as its revocation is
// answered. A live stream of it ends within a second. No request with any other key fails.
func TestKeys_RevokedWhileTheServicesRun(t *testing.T) {
	order, activity := stacktest.Programs(t)
	dir := t.TempDir()
	dev := devbrokertest.Start(t, devbroker.Config{})
	orders := keyed{program: order, variable: "ORDER_API_KEY", path: "/v1/orders?limit=1",
		scopes: "orders:write,orders:read,keys:write"}
	statistics := keyed{program: activity, variable: "ACTIVITY_API_KEY",
		path: "/v1/activities/ORDER_CREATED/days/today", stream: "/v1/activities/ORDER_CREATED/live",
		scopes: "stats:read,keys:write"}
	for i, s := range []*keyed{&orders, &statistics} {
		data := filepath.Join(dir, fmt.Sprintf("%d.db", i))
		said, code := stacktest.Command(t, nil, s.program, "keys", "new", "admin", "--scopes", s.scopes, "--data", data,
			"-o",
			"json")
		if code != 0 {
			t.Fatal(said)
		}
		s.admin = made(t, said)
		s.url = stacktest.Serve(t, stacktest.Serving{Program: s.program, Data: data, Kafka: dev.Addr()}).URL()
	}

	ctx, stop := context.WithCancel(t.Context())
	var others sync.WaitGroup
	var asked atomic.Int64
	for _, s := range []*keyed{&orders, &statistics} {
		for range 4 {
			key := s.create(t)
			others.Go(func() {
				for ctx.Err() == nil {
					status, err := s.ask(context.WithoutCancel(ctx), http.MethodGet, s.path, key.Key)
					if err != nil || status != http.StatusOK {
						t.Errorf("another key: %d, %v", status, err)
						return
					}
					asked.Add(1)
				}
			})
		}
	}
	var longest, longestStream time.Duration
	for range 10 {
		for _, s := range []*keyed{&orders, &statistics} {
			refused, ended := s.revoked(t)
			longest, longestStream = max(longest, refused), max(longestStream, ended)
		}
	}
	for _, s := range []*keyed{&orders, &statistics} { // as an operator does it
		env := []string{s.variable + "=" + s.admin.Key}
		scope, _, _ := strings.Cut(s.scopes, ",")
		said, code := stacktest.Command(t, env, s.program, "keys", "new", "guest", "--scopes", scope, "--target", s.url,
			"-o",
			"json", "--expires", "1d")
		if code != 0 {
			t.Fatal(said)
		}
		guest := made(t, said)
		if left := time.Until(guest.ExpiresAt); left < 23*time.Hour || left > 24*time.Hour {
			t.Errorf("a key for a day is good for %v", left)
		}
		if said, code := stacktest.Command(t, env, s.program, "keys", "revoke", guest.ID, "--target",
			s.url); code != 0 {
			t.Error(said)
		}
		if status, err := s.ask(t.Context(), http.MethodGet, s.path, guest.Key); err != nil ||
			status != http.StatusUnauthorized {
			t.Errorf("after the verb: %d, %v", status, err)
		}
		said, code = stacktest.Command(t, env, s.program, "keys", "ls", "--target", s.url, "-o", "ndjson")
		if code != 0 || strings.Count(said, `"revoked_by":"key:admin"`) != 11 ||
			!strings.Contains(said, `"created_by":"key:admin"`) {
			t.Errorf("exit %d: %s", code, said)
		}
	}
	stop()
	others.Wait()
	t.Logf("%d requests of other keys, none failed; a revoked key was let in until %v after the answer at most, its "+
		"stream until %v", asked.Load(), longest, longestStream)
}

// keyed is a running service that has keys.
type keyed struct {
	program, variable, url string
	path, stream           string // what to ask for; stream "" for none
	scopes                 string
	admin                  newKey
}

// newKey is what `keys new -o json` and POST /v1/keys answer. CONTRACT: the names are relied on.
type newKey struct {
	ID, Key, Name string
	Scopes        []string
	ExpiresAt     time.Time `json:"expires_at"`
}

func made(t *testing.T, text string) (key newKey) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &key); err != nil || key.Key == "" || key.ID == "" {
		t.Fatalf("%v: %s", err, text)
	}
	return key
}

func (s *keyed) request(ctx context.Context, method, path, credential string, body io.Reader) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	auth.SetBearer(r, credential)
	return http.DefaultClient.Do(r)
}

func (s *keyed) ask(ctx context.Context, method, path, credential string) (int, error) {
	response, err := s.request(ctx, method, path, credential, nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return response.StatusCode, err
}

// create makes a key with the same rights as the admin's.
func (s *keyed) create(t *testing.T) newKey {
	t.Helper()
	scopes, err := json.Marshal(strings.Split(s.scopes, ","))
	if err != nil {
		t.Fatal(err)
	}
	response, err := s.request(t.Context(), http.MethodPost, "/v1/keys", s.admin.Key,
		strings.NewReader(fmt.Sprintf(`{"name":"client","scopes":%s}`, scopes)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusCreated {
		t.Fatalf("%s %s, %v", response.Status, text, err)
	}
	return made(t, string(text))
}

// revoked makes a key, uses it without a pause, and revokes it. It returns how long after the answer requests were
// still let in, and how long its stream went on.
func (s *keyed) revoked(t *testing.T) (refused, ended time.Duration) {
	t.Helper()
	victim := s.create(t)
	began := make(chan struct{}) // a request was let in
	last := make(chan time.Time) // when the last that was let in began
	go func() {
		var once sync.Once
		var latest time.Time
		for t.Context().Err() == nil {
			at := time.Now()
			status, err := s.ask(context.WithoutCancel(t.Context()), http.MethodGet, s.path, victim.Key)
			if err != nil || status != http.StatusOK {
				if status != http.StatusUnauthorized {
					t.Errorf("the key that is revoked: %d, %v", status, err)
				}
				break
			}
			latest = at
			once.Do(func() { close(began) })
		}
		once.Do(func() { close(began) })
		last <- latest
	}()
	<-began
	var over chan time.Time
	if s.stream != "" {
		response, err := s.request(t.Context(), http.MethodGet, s.stream, victim.Key, nil)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatal(response, err)
		}
		over = make(chan time.Time, 1)
		lines := bufio.NewScanner(response.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() && !strings.HasPrefix(lines.Text(), "event: snapshot") {
		}
		go func() {
			for lines.Scan() {
			}
			over <- time.Now()
			_ = response.Body.Close()
		}()
	}
	if status, err := s.ask(t.Context(), http.MethodDelete, "/v1/keys/"+victim.ID, s.admin.Key); err != nil ||
		status != http.StatusNoContent {
		t.Fatal(status, err)
	}
	answered := time.Now()
	latest := <-last
	if latest.After(answered) {
		t.Errorf("a request that began %v after the revocation was answered was let in", latest.Sub(answered))
	}
	if over != nil {
		select {
		case at := <-over:
			if ended = at.Sub(answered); ended > time.Second {
				t.Errorf("the stream went on for %v", ended)
			}
		case <-time.After(30 * time.Second):
			t.Fatal("the stream goes on")
		}
	}
	return max(latest.Sub(answered), 0), max(ended, 0)
}

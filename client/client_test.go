package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ordertally/client"
	"ordertally/shared/settings/secret"
)

type colour string

// serve starts a server and returns a client of it that makes one attempt.
func serve(t *testing.T, handler http.HandlerFunc, c client.Config) *client.Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c.URL, c.RetryFor = server.URL+c.URL, -1
	made, err := client.New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(made.Close)
	return made
}

func TestNew_RefusesWhatIsNoURL(t *testing.T) {
	for _, text := range []string{
		"", "127.0.0.1:8080", "localhost:8080", "ftp://x", "http://", "http://x?y=1", "http://x#y", "http://x\n",
		"ftp://me:sesame@x", "http://me:sesame@x?y=1", "http://me:sesame@x y",
	} {
		if _, err := client.New(client.Config{URL: text}); err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestDo_SendsWhatTheRequestHas(t *testing.T) {
	var got *http.Request
	var body []byte
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"1"}`)
	}, client.Config{URL: "/shop/", Credential: secret.New("open-sesame"), UserAgent: "till/1"})

	at := time.Date(2010, 12, 1, 8, 26, 0, 5, time.UTC)
	r := client.NewRequest(http.MethodPost, http.StatusOK, "/v1/a/%s/b", "x/../y z")
	r.Query("n", int64(3)).Query("zero", int32(0)).Query("none", "").Query("at", at).Query("never", time.Time{})
	r.Query("colour", colour("red")).Query("all", true).Header("If-None-Match", `"a"`).Header("Idempotency-Key", "")
	r.Body = map[string]string{"text": "é"}
	answer, err := client.Do[order](t.Context(), c, r)
	if err != nil || answer.Value.ID != "1" || string(answer.Raw) != `{"id":"1"}` || answer.Replayed() {
		t.Fatalf("%+v, %v", answer, err)
	}
	want := "/shop/v1/a/x%2F..%2Fy%20z/b?all=true&at=2010-12-01T08%3A26%3A00.000000005Z&colour=red&n=3"
	if got.RequestURI != want || string(body) != `{"text":"é"}` {
		t.Errorf("sent %s %s\nwant %s", got.RequestURI, body, want)
	}
	for name, want := range map[string]string{
		"Authorization": "Bearer open-sesame", "User-Agent": "till/1", "Content-Type": "application/json",
		"If-None-Match": `"a"`, "Idempotency-Key": "",
	} {
		if value := got.Header.Get(name); value != want {
			t.Errorf("%s is %q, want %q", name, value, want)
		}
	}
}

func TestDo_TellsWhatStillHolds(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotModified) },
		client.Config{})
	ask := func(tag string) (client.Answer[order], error) {
		r := client.NewRequest(http.MethodGet, http.StatusOK, "/").Header("If-None-Match", tag)
		return client.Do[order](t.Context(), c, r)
	}
	if answer, err := ask(`"a"`); err != nil || !answer.NotModified() {
		t.Errorf("%+v, %v", answer, err)
	}
	if _, err := ask(""); err == nil {
		t.Error("a 304 that nobody asked for was taken")
	}
}

func TestDo_ReturnsRefusalsAsProblems(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json; charset=utf-8")
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusUnprocessableEntity)
		_, _ = io.WriteString(w, `{"code":"invalid_order","status":1,"trace_id":"4bf9","new":1,
			"errors":[{"pointer":"/lines/0/quantity","detail":"must be 1","code":"out_of_range"}]}`)
	}, client.Config{Hint: "see --target"})
	_, err := client.Do[order](t.Context(), c, client.NewRequest(http.MethodGet, http.StatusOK, "/"))
	p, refused := errors.AsType[client.Problem](err)
	if !refused || p.Status != 422 || p.TraceID != "4bf9" || p.RetryAfter != 7*time.Second || len(p.Errors) != 1 ||
		p.Errors[0].Pointer != "/lines/0/quantity" {
		t.Fatalf("%+v, %v", p, err)
	}
	if !client.HasCode(fmt.Errorf("place: %w", err), colour("other"), "invalid_order") ||
		client.HasCode(err, "other") ||
		client.HasCode(io.EOF, "") {
		t.Error("HasCode is wrong")
	}
	if strings.Contains(err.Error(), "--target") {
		t.Errorf("a refusal has the hint: %v", err)
	}
}

func TestDo_SaysWhoDoesNotAnswerAndHidesThePassword(t *testing.T) {
	short := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "9") // and no body
	}))
	defer short.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	for _, server := range []string{"http://127.0.0.1:1", short.URL, other.URL} {
		host := strings.TrimPrefix(server, "http://")
		for _, user := range []string{"open-sesame@", "me:open-sesame@"} {
			config := client.Config{URL: "http://" + user + host, RetryFor: -1, Hint: "see --target"}
			c, err := client.New(config)
			if err != nil {
				t.Fatal(err)
			}
			_, err = client.Do[order](t.Context(), c, client.NewRequest(http.MethodGet, http.StatusOK, "/"))
			if err == nil || strings.Contains(err.Error(), "sesame") ||
				!strings.HasSuffix(err.Error(), "; see --target") ||
				!strings.Contains(err.Error(), host) {
				t.Errorf("%v", err)
			}
			c.Close()
		}
	}
}

func TestConfig_DoesNotShowTheCredential(t *testing.T) {
	config := client.Config{URL: "http://127.0.0.1:1", Credential: secret.New("open-sesame"), RetryFor: -1}
	c, err := client.New(config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = client.Do[order](t.Context(), c, client.NewRequest(http.MethodGet, http.StatusOK, "/"))
	text := fmt.Sprintf("%v %+v %#v %+v %#v %v", config, config, config, c, c, err)
	if strings.Contains(text, "sesame") || !strings.Contains(text, "redacted") {
		t.Errorf("shown: %s", text)
	}
}

func TestAsk_ReturnsTheBodyAsItComes(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/export" || r.FormValue("class") != "a b" {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, "one\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}, client.Config{})
	body, err := c.Ask(t.Context(), http.MethodGet, "/export", url.Values{"class": {"a b"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 4)
	if _, err := io.ReadFull(body, line); err != nil || string(line) != "one\n" {
		t.Errorf("%q, %v", line, err)
	}
	if err := body.Close(); err != nil {
		t.Error(err)
	}
	if _, err := c.Ask(t.Context(), http.MethodGet, "/other", nil, nil); err == nil {
		t.Error("an answer of something else was taken")
	}
}

// slowBody takes an hour for each read, unless the request ends.
type slowBody struct{ ended <-chan struct{} }

func (s slowBody) Read([]byte) (int, error) {
	select {
	case <-time.After(time.Hour):
		return 0, io.EOF
	case <-s.ended:
		return 0, context.Canceled
	}
}

func (slowBody) Close() error { return nil }

func TestAsk_WaitsForTheBeginningOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func(*http.Request) (*http.Response, error){
			func(r *http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: http.StatusOK, Body: slowBody{r.Context().Done()}}, nil
			},
			func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			},
		}}
		c := s.client(t, 0)
		body, err := c.Ask(t.Context(), http.MethodGet, "/export", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(body); err != nil || time.Since(s.start) != time.Hour {
			t.Errorf("%v after %s", err, time.Since(s.start))
		}
		_ = body.Close()
		if _, err := c.Ask(t.Context(), http.MethodGet, "/export", nil, nil); err == nil || len(s.asked) != 2 ||
			time.Since(s.start) != time.Hour+30*time.Second {
			t.Errorf("%v after %s and %d attempts", err, time.Since(s.start), len(s.asked))
		}
	})
}

func TestOpen_KeepsMembersOfAnyName(t *testing.T) {
	type day struct {
		Count int            `json:"count"`
		Rest  map[string]int `json:"-"`
	}
	var d day
	if err := client.UnmarshalOpen([]byte(`{"orders":5,"count":1,"units":7}`), &d, &d.Rest); err != nil ||
		d.Count != 1 || len(d.Rest) != 2 || d.Rest["units"] != 7 {
		t.Fatalf("%+v, %v", d, err)
	}
	text, err := client.MarshalOpen(d, d.Rest)
	if err != nil || !strings.HasPrefix(string(text), `{"count":1,`) || !strings.Contains(string(text), `"orders":5`) {
		t.Errorf("%s, %v", text, err)
	}
}

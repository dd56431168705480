package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"ordertally/client"
)

type order struct {
	ID string `json:"id"`
}

// place places an order.
func place(ctx context.Context, c *client.Client, body any, key string) (client.Answer[order], error) {
	r := client.NewRequest(http.MethodPost, http.StatusCreated, "/v1/orders").Header("Idempotency-Key", key)
	r.Body = body
	return client.Do[order](ctx, c, r)
}

// script is a transport that gives its answers in turn, the last one for ever, and notes when it was asked. It needs no
// network, so that a bubble's clock can run.
type script struct {
	answers []func(*http.Request) (*http.Response, error)
	asked   []time.Duration // since start
	bodies  []string
	start   time.Time
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked = append(s.asked, time.Since(s.start))
	body, _ := io.ReadAll(r.Body)
	s.bodies = append(s.bodies, r.Header.Get("Idempotency-Key")+" "+string(body))
	answer := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	return answer(r)
}

func (s *script) client(t *testing.T, retryFor time.Duration) *client.Client {
	t.Helper()
	s.start = time.Now()
	c, err := client.New(client.Config{URL: "http://order", Transport: s, RetryFor: retryFor})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func respond(status int, contentType, body string, header ...string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		h := http.Header{"Content-Type": {contentType}}
		for i := 0; i < len(header); i += 2 {
			h.Set(header[i], header[i+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func fail(err error) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// cutShort answers 201 and loses the rest of the body.
func cutShort(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusCreated,
		Body: io.NopCloser(io.MultiReader(strings.NewReader(`{"id":`), broken{}))}, nil
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

var created = respond(http.StatusCreated, "application/json",
	`{"id":"1","publication":{"state":"pending","attempts":0}}`)

func unavailable(status int, header ...string) func(*http.Request) (*http.Response, error) {
	return respond(status, "application/problem+json", `{"code":"unavailable","status":503}`, header...)
}

func TestDo_TakesAConflictAsDecided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func(*http.Request) (*http.Response, error){
			unavailable(503), respond(http.StatusConflict, "application/problem+json",
				`{"code":"reference_taken","status":409}`), created,
		}}
		_, err := place(t.Context(), s.client(t, 0), map[string]int{"a": 1}, "key")
		if p, ok := errors.AsType[client.Problem](err); !ok || p.Status != http.StatusConflict || len(s.asked) != 2 {
			t.Fatalf("%v after %d attempts", err, len(s.asked))
		}
	})
}

func TestDo_RepeatsUntilItIsDecided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func(*http.Request) (*http.Response, error){
			fail(syscall.ECONNREFUSED), fail(io.EOF), cutShort, respond(502, "text/html", "<html>"),
			unavailable(408), unavailable(429), unavailable(503), unavailable(504), created,
		}}
		placed, err := place(t.Context(), s.client(t, 0), map[string]int{"a": 1}, "key")
		if err != nil || placed.Value.ID != "1" || len(s.asked) != 9 {
			t.Fatalf("%+v, %v after %d attempts", placed, err, len(s.asked))
		}
		for _, sent := range s.bodies {
			if sent != `key {"a":1}` {
				t.Fatalf("sent %q", s.bodies)
			}
		}
		for n := 1; n < len(s.asked); n++ {
			most := min(100*time.Millisecond<<(n-1), 5*time.Second)
			if wait := s.asked[n] - s.asked[n-1]; wait < 0 || wait >= most {
				t.Errorf("attempt %d came after %s, want less than %s", n+1, wait, most)
			}
		}
		if s.asked[8] == 0 {
			t.Error("no attempt waited")
		}
	})
}

func TestDo_WaitsAsLongAsRetryAfterSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func(*http.Request) (*http.Response, error){
			unavailable(503, "Retry-After", "7"),
			func(r *http.Request) (*http.Response, error) {
				return unavailable(429, "Retry-After", time.Now().Add(20*time.Second).UTC().Format(http.TimeFormat))(r)
			},
			unavailable(503, "Retry-After", "-5"),
			created,
		}}
		if _, err := place(t.Context(), s.client(t, 0), nil, "key"); err != nil {
			t.Fatal(err)
		}
		for n, want := range []time.Duration{7 * time.Second, 19 * time.Second, 0} {
			if wait := s.asked[n+1] - s.asked[n]; wait < want || wait > want+2*time.Second {
				t.Errorf("after answer %d: waited %s, want about %s", n+1, wait, want)
			}
		}
	})
}

func TestDo_GivesUpAfterRetryFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func(*http.Request) (*http.Response, error){unavailable(503)}}
		_, err := place(t.Context(), s.client(t, 30*time.Second), nil, "key")
		p, ok := errors.AsType[client.Problem](err)
		if !ok || p.Code != "unavailable" || !strings.Contains(err.Error(), "gave up after") {
			t.Fatalf("%v", err)
		}
		if took := time.Since(s.start); took < 25*time.Second || took > 30*time.Second {
			t.Fatalf("gave up after %s, want nearly 30 s", took)
		}

		s = &script{answers: []func(*http.Request) (*http.Response, error){unavailable(503, "Retry-After", "31")}}
		if _, err := place(t.Context(), s.client(t, 30*time.Second), nil, "key"); err == nil || len(s.asked) != 1 ||
			time.Since(s.start) != 0 {
			t.Fatalf("a wait beyond the time: %v after %d attempts in %s", err, len(s.asked), time.Since(s.start))
		}
	})
}

func TestDo_DoesNotRepeatWhatIsDecidedOrUnsafe(t *testing.T) {
	for name, c := range map[string]struct {
		answer   func(*http.Request) (*http.Response, error)
		key      string
		retryFor time.Duration
	}{
		"without a key":        {fail(io.EOF), "", 0},
		"a 503 without a key":  {unavailable(503), "", 0},
		"told not to":          {fail(io.EOF), "key", -1},
		"refused":              {respond(422, "application/problem+json", `{"code":"invalid_order"}`), "key", 0},
		"internal error":       {respond(500, "application/problem+json", `{"code":"internal"}`), "key", 0},
		"another service":      {respond(200, "text/html", "hello"), "key", 0},
		"a redirect":           {respond(302, "text/html", "", "Location", "http://order/"), "key", 0},
		"no JSON":              {respond(201, "text/html", "hello"), "key", 0},
		"JSON of another kind": {respond(201, "text/html", `{"id":"1"}`), "key", 0},
		"broken JSON":          {respond(201, "application/json", `{"id":`), "key", 0},
		"a proxy's conflict":   {respond(409, "text/html", "conflict"), "key", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{answers: []func(*http.Request) (*http.Response, error){c.answer}}
				placed, err := place(t.Context(), s.client(t, c.retryFor), struct{}{}, c.key)
				if err == nil || len(s.asked) != 1 {
					t.Fatalf("%+v, %v after %d attempts", placed, err, len(s.asked))
				}
			})
		})
	}
}

func TestDo_EndsAPauseWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		s := &script{answers: []func(*http.Request) (*http.Response, error){unavailable(503, "Retry-After", "40")}}
		if _, err := place(ctx, s.client(t, 0), nil, "key"); !errors.Is(err, context.DeadlineExceeded) ||
			time.Since(s.start) != 3*time.Second {
			t.Fatalf("%v after %s", err, time.Since(s.start))
		}
	})
}

func TestDo_RepeatsAnAttemptThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hang := func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}
		s := &script{answers: []func(*http.Request) (*http.Response, error){hang, created}}
		if _, err := place(t.Context(), s.client(t, 0), nil, "key"); err != nil || len(s.asked) != 2 ||
			s.asked[1] < 30*time.Second {
			t.Fatalf("%v after attempts at %v", err, s.asked)
		}
	})
}

func TestDo_RepeatsAReadAndIgnoresUnknownMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{answers: []func(*http.Request) (*http.Response, error){
			fail(io.EOF), respond(200, "application/json; charset=utf-8",
				`{"id":"1","a_later_release":{"has":["more"]}}`),
		}}
		r := client.NewRequest(http.MethodGet, http.StatusOK, "/v1/orders/%s", "1")
		got, err := client.Do[order](t.Context(), s.client(t, 0), r)
		if err != nil || got.Value.ID != "1" || len(s.asked) != 2 {
			t.Fatalf("%+v, %v after %d attempts", got, err, len(s.asked))
		}
	})
}

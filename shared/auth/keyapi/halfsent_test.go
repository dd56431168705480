package keyapi_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"ordertally/shared/auth"
	"ordertally/shared/auth/authtest"
)

// The credential is checked before the body is read. A client with a half-sent request must not use a key after it was
// revoked.
func TestKeys_AKeyThatEndsWhileItsRequestIsReadDoesNothing(t *testing.T) {
	for name, end := range map[string]func(*service, auth.Key){
		"revoked": func(s *service, key auth.Key) {
			if _, err := s.keys.Revoke(t.Context(), key.ID); err != nil {
				t.Fatal(err)
			}
		},
		"expired": func(s *service, _ auth.Key) { s.clock.Advance(2 * time.Hour) },
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t, nil)
			authtest.Key(t, s.keys, auth.KeysWrite) // so that the service stays closed
			key, credential, err := s.keys.New(t.Context(), "thief", []string{auth.KeysWrite},
				s.clock.Now().Add(time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			before := len(s.keys.List())
			rest, body := io.Pipe()
			reading := make(chan struct{})
			ctx := httptrace.WithClientTrace(t.Context(),
				&httptrace.ClientTrace{Got100Continue: func() { close(reading) }})
			answered := make(chan int)
			go func() {
				status, err := send(ctx, s.url, credential, rest)
				if err != nil {
					t.Error(err)
				}
				answered <- status
			}()
			<-reading // so the credential was found good
			if _, err := io.WriteString(body, `{"name":"thief2","scopes":["keys:write"],`); err != nil {
				t.Fatal(err)
			}
			end(s, key)
			if _, err := io.Copy(body, strings.NewReader(`"never_expires":true}`)); err != nil &&
				!errors.Is(err, io.ErrClosedPipe) {
				t.Fatal(err)
			}
			_ = body.Close()
			if status := <-answered; status != http.StatusUnauthorized || len(s.keys.List()) != before {
				t.Errorf("%d, %d keys; want 401, and %d", status, len(s.keys.List()), before)
			}
		})
	}
}

func send(ctx context.Context, url, credential string, body io.Reader) (status int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/keys", body)
	if err != nil {
		return 0, err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Expect", "100-continue")
	auth.SetBearer(r, credential)
	client := http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute, DisableKeepAlives: true}}
	response, err := client.Do(r)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

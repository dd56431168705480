package web_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"

	"ordertally/shared/web"
	"ordertally/shared/web/problem"
)

func from(addr string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.RemoteAddr = addr
	return r
}

func overloaded(err error) bool {
	p, ok := errors.AsType[problem.Problem](err)
	return ok && p.Status == http.StatusServiceUnavailable && p.Code == web.CodeOverloaded
}

func TestAnswers_ShareOneRoom(t *testing.T) {
	answers := web.NewAnswers()
	take := func(addr string, bytes int) func() {
		t.Helper()
		release, err := answers.Take(from(addr), bytes)
		if err != nil && !overloaded(err) {
			t.Fatalf("%v", err)
		}
		return release // nil for none
	}
	const client = "203.0.113.1:1"
	for range 4 {
		if take(client, 4<<20) == nil {
			t.Fatal("a client does not have its share")
		}
	}
	if take("203.0.113.1:2", 64<<10+1) != nil || take(client, 64<<10) == nil {
		t.Error("a client has more than its share, or is refused what is small")
	}
	two := from("203.0.113.1:2")
	two.ProtoMajor = 2
	for bytes, good := range map[int]bool{8 << 10: true, 8<<10 + 1: false} {
		if _, err := answers.Take(two, bytes); (err == nil) != good {
			t.Errorf("%d bytes over HTTP/2, where they wait in the program: %v", bytes, err)
		}
	}
	release := take("[2001:db8::1]:1", 1<<30) // more than a share
	if release == nil || take("[2001:db8::2]:1", 1<<20) != nil {
		t.Error("a network of IPv6 has not one share")
	}
	for i := range 31 {
		if take(fmt.Sprintf("127.0.0.1:%d", i+1), 1<<20) == nil {
			t.Fatal("the machine itself has a share")
		}
	}
	if take("198.51.100.1:1", 2<<20) != nil || take("198.51.100.1:1", 64<<10) == nil {
		t.Error("there is more than all, or what is small is refused")
	}
	release()
	if take("198.51.100.1:1", 16<<20) == nil {
		t.Error("what was given back is not to be had")
	}
}

func TestAnswers_MakePagesInTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		answers := web.NewAnswers()
		for range 4 {
			if _, err := answers.Turn(from("203.0.113.1:1")); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := answers.Turn(from("203.0.113.1:2")); !overloaded(err) {
			t.Errorf("one client has more turns than its share: %v", err)
		}
		end, err := answers.Turn(from("203.0.113.2:1"))
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := answers.Turn(from("127.0.0.1:1")); err != nil {
				t.Fatal(err)
			}
		}
		waiting := make(chan error)
		go func() {
			_, err := answers.Turn(from("203.0.113.3:1"))
			waiting <- err
		}()
		synctest.Wait()
		end()
		if err := <-waiting; err != nil {
			t.Errorf("one that waits for its turn: %v", err)
		}
	})
}

func TestHas_KnowsAnEntityTag(t *testing.T) {
	const tag = `"1f"`
	for given, want := range map[string]bool{
		"": false, tag: true, `W/"1f"`: true, `"x", W/"y" ,"1f"`: true, "*": true,
		`"x"`: false, `"1f`: false, "1f": false, `"1f0"`: false, `"x","*"`: false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if given != "" {
			r.Header.Set("If-None-Match", given)
		}
		if web.Has(r, tag) != want {
			t.Errorf("If-None-Match: %s: %v, want %v", given, !want, want)
		}
	}
}

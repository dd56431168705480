package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ordertally/shared/parked/parkedverbs"
	"ordertally/shared/web/problem"
)

func TestVerify_SendsEachServiceItsCredentialAndShowsNone(t *testing.T) {
	sent := map[string]string{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent[r.URL.Path] = r.Header.Get("Authorization")
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"quarters":[],"unpublished":{}}`)
	}))
	defer server.Close()
	t.Setenv(keyVariable, "open-sesame-activity")
	keyFile := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, []byte("open-sesame-order\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := verifyCmd{remote: remote{counted: counted{running{Target: server.URL}, "A"}}, Orders: []string{server.URL}}
	c.OrdersAccess.APIKeyFile = keyFile
	if err := c.run(t.Context(), io.Discard); err != nil {
		t.Fatal(err)
	}
	if sent["/v1/orders/digests"] != "Bearer open-sesame-order" ||
		sent["/v1/activities/A/digests"] != "Bearer open-sesame-activity" {
		t.Errorf("sent %v", sent)
	}
	target, shops, err := c.connectAll()
	if text := fmt.Sprintf("%+v %#v %v", *target.Client, *shops[0].Client, err); strings.Contains(text, "sesame") {
		t.Errorf("shown: %s", text)
	}
}

func TestVerify_SaysWhichServiceRefused(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		problem.Write(w, r, problem.New(http.StatusUnauthorized, "unauthenticated", "There is no key."))
	}))
	defer server.Close()
	c := verifyCmd{remote: remote{counted: counted{running: running{Target: "http://127.0.0.1:1"}}},
		Orders: []string{server.URL}}
	err := c.run(t.Context(), io.Discard)
	want := server.URL + " refused: 401 unauthenticated: There is no key. " +
		"This command sends the one in $ORDER_API_KEY, or in the file of --orders-api-key-file."
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestVerify_HidesPasswordsInURLs(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	for _, host := range []string{"127.0.0.1:1", "127.0.0.1:1 x", strings.TrimPrefix(other.URL, "http://")} {
		for _, user := range []string{"me:open-sesame@", "open-sesame@"} {
			address := "http://" + user + host
			c := verifyCmd{remote: remote{counted: counted{running: running{Target: other.URL}}},
				Orders: []string{address}}
			if err := c.run(t.Context(), io.Discard); err == nil || strings.Contains(err.Error(), "sesame") {
				t.Errorf("shown: %v", err)
			}
			ls := parkedverbs.Ls[parkedRemote]{
				Remote: parkedRemote{ledgerRemote{counted{running: running{Target: address}}}}}
			if err := ls.Print(t.Context(), io.Discard); err == nil || strings.Contains(err.Error(), "sesame") {
				t.Errorf("shown: %v", err)
			}
		}
	}
}

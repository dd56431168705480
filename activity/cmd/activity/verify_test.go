package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ordertally/activity/verify"
	"ordertally/shared/auth"
	"ordertally/shared/settings/tlsfiles"
)

func TestCredentialsOfVerifyAreNotShown(t *testing.T) {
	t.Setenv(keyVariable, "open-sesame")
	t.Setenv(ordersKeyVariable, "open-sesame")
	orders, err := reach("http://127.0.0.1:1", auth.Credential{}, ordersKeyVariable, tlsfiles.ClientConfig{}, "orders-")
	if err != nil || orders.Credential.Reveal() != "open-sesame" {
		t.Fatal(err)
	}
	config := verify.Config{Orders: []verify.Service{orders},
		Target: verify.Service{URL: "http://127.0.0.1:1", Credential: orders.Credential}}
	_, err = verify.Run(t.Context(), config)
	if text := fmt.Sprintf("%v %+v %#v %v", config, config, config, err); err == nil ||
		strings.Contains(text, "sesame") || strings.Count(text, "[redacted]") < 6 {
		t.Errorf("shown: %s", text)
	}
}

func TestPasswordsInTheURLsOfVerifyAreNotShown(t *testing.T) {
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	for _, host := range []string{"127.0.0.1:1", "127.0.0.1:1 x", strings.TrimPrefix(other.URL, "http://")} {
		for _, user := range []string{"me:open-sesame@", "open-sesame@"} {
			service := verify.Service{URL: "http://" + user + host}
			if _, err := verify.Run(t.Context(),
				verify.Config{Orders: []verify.Service{service}, Target: service}); err == nil ||
				strings.Contains(err.Error(), "sesame") {
				t.Errorf("shown: %v", err)
			}
			r := remote{Target: service.URL}
			if _, err := r.ask(t.Context(), http.MethodGet, "parked", nil, nil); err == nil ||
				strings.Contains(err.Error(), "sesame") {
				t.Errorf("shown: %v", err)
			}
		}
	}
}

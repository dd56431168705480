package main

import (
	"fmt"
	"strings"
	"testing"

	"ordertally/activity/verify"
	"ordertally/shared/auth"
	"ordertally/shared/tlsfiles"
)

func TestCredentialsOfVerifyAreNotShown(t *testing.T) {
	t.Setenv(keyVariable, "open-sesame")
	t.Setenv(ordersKeyVariable, "open-sesame")
	orders, err := reach("http://127.0.0.1:1", auth.Credential{}, ordersKeyVariable, tlsfiles.ClientConfig{}, "orders-")
	if err != nil || orders.Credential.Reveal() != "open-sesame" {
		t.Fatal(err)
	}
	config := verify.Config{Orders: orders, Target: verify.Service{URL: "http://127.0.0.1:1", Credential: orders.Credential}}
	_, err = verify.Run(t.Context(), config)
	if text := fmt.Sprintf("%v %+v %#v %v", config, config, config, err); err == nil || strings.Contains(text, "sesame") || strings.Count(text, "[redacted]") < 6 {
		t.Errorf("shown: %s", text)
	}
}

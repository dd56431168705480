package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"ordertally/client/orders"
)

func TestTrace_HidesThePasswordInTheActivityServicesURL(t *testing.T) {
	for _, target := range []string{"ftp://me:open-sesame@x", "http://me:open-sesame@x y"} {
		c := traceCmd{ActivityTarget: target}
		if err := c.run(t.Context(), io.Discard); err == nil || !strings.Contains(err.Error(), "--activity-target") ||
			strings.Contains(err.Error(), "sesame") {
			t.Errorf("%s: %v", target, err)
		}
	}
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	for _, target := range []string{strings.Replace(other.URL, "//", "//me:open-sesame@", 1),
		"http://open-sesame@127.0.0.1:1"} {
		activity, err := (&traceCmd{ActivityTarget: target}).connectActivity()
		if err != nil {
			t.Fatal(err)
		}
		defer activity.Close()
		_, err = askCounting(t.Context(), activity, &orders.Delivery{MessageID: "m"})
		if err == nil || strings.Contains(err.Error(), "sesame") {
			t.Errorf("%v", err)
		}
	}
}

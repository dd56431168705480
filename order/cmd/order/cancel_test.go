package main

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
	"ordertally/shared/text/output"
)

func TestCancel_AsksOnceOnATerminal(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	place := func() string {
		response, err := http.Post(service.URL+"/v1/orders", "application/json",
			strings.NewReader(`{"currency":"GBP","lines":[{"sku":"a","quantity":1,"unit_price":1}]}`))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return strings.TrimPrefix(response.Header.Get("Location"), "/v1/orders/")
	}
	for answer, cancels := range map[string]bool{"y\n": true, "Yes\n": true, "n\n": false, "": false, "-": true} {
		command := cancelCmd{remote: remote{running{Target: service.URL}, output.Form{Output: "table"}}, ID: place(),
			Reason: "twice"}
		var confirm io.Reader
		if answer != "-" { // not a terminal
			confirm = strings.NewReader(answer)
		}
		var out strings.Builder
		err := command.run(t.Context(), confirm, &out)
		if cancelled := strings.Contains(out.String(), "order "+command.ID+" cancelled at "); cancelled != cancels ||
			cancels && err != nil || !cancels && !errors.Is(err, errNotConfirmed) {
			t.Errorf("answer %q: %v, %s", answer, err, &out)
		}
		if again := command.run(t.Context(), nil, &out); (again != nil) != cancels {
			t.Errorf("again after %q: %v", answer, again)
		}
	}
}

package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ordertally/order/orderapi/apitest"
	"ordertally/shared/clock"
	"ordertally/shared/clock/clocktest"
	"ordertally/shared/settings"
	"ordertally/shared/text/output"
)

func TestRepublish_SaysWhatWasSent(t *testing.T) {
	service := apitest.Start(t, clock.System{})
	service.PublishWithout("ill")
	placeSick(t, service, 3)
	clocktest.Eventually(t, "all are published", func() bool { return service.Outbox.Backlog() == 0 })
	day := time.Now().UTC().Truncate(24 * time.Hour)
	verb := republishCmd{remote{running{Target: service.URL}, output.Form{Output: "table"}}, day, day.AddDate(0, 0, 2)}
	var out, progress bytes.Buffer
	if err := verb.run(t.Context(), &out, &progress); err != nil {
		t.Fatal(err)
	}
	if text := out.String(); !strings.HasPrefix(text, "placed from "+output.Time(day)+" to before "+
		output.Time(day.AddDate(0, 0, 2))+": 3 messages of 3 orders published again, of 1 day; the first from ") {
		t.Errorf("%s", text)
	}
	out.Reset()
	verb.Output = "json"
	if err := verb.run(t.Context(), &out, &progress); err != nil || !strings.Contains(out.String(), `"messages":3`) {
		t.Errorf("%v %s", err, &out)
	}
	verb.PlacedFrom, verb.PlacedTo = verb.PlacedTo, verb.PlacedFrom
	if err := verb.run(t.Context(), &out, &progress); settings.ExitCode(err) != settings.ExitUsage {
		t.Errorf("backwards: %v", err)
	}
}

// The verb does not take an answer for whole that ends early.
func TestRepublish_SaysWhenItWasCutShort(t *testing.T) {
	for name, tc := range map[string]struct{ answer, says, shows string }{
		"killed": {`{"orders":1,"messages":1,"looked_at":7,"kafka":"down","done":false}`, "cut short",
			"waiting for Kafka: down"},
		"stopping": {`{"kafka":"up","done":false,"error":"the service stops: run it again"}`, "the service stops", ""},
		"damaged":  {`{"damaged":["01890a5d-ac96-774b-8000-a8b45f0c6d21"],"kafka":"up","done":true}`, "not all", ""},
	} {
		t.Run(name, func(t *testing.T) {
			service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/x-ndjson")
				_, _ = w.Write([]byte(tc.answer + "\n"))
			}))
			defer service.Close()
			var out, progress bytes.Buffer
			verb := republishCmd{remote{running{Target: service.URL}, output.Form{Output: "table"}}, time.Unix(0, 0),
				time.Now()}
			err := verb.run(t.Context(), &out, &progress)
			if err == nil || !strings.Contains(err.Error(), tc.says) || !strings.Contains(progress.String(), tc.shows) {
				t.Errorf("%v; %s %s", err, &out, &progress)
			}
		})
	}
}
